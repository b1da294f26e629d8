"""The same training step in what a user would pick instead: one file a program, each with `make_step`."""
