"""What a step of training costs on how many devices: predicted from sizes alone, planned by XLA, measured."""
