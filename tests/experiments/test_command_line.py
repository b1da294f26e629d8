"""The command line of an experiment."""

import shlex
import sys
from pathlib import Path

from experiments.command_line import command_of, read_command_line
from experiments.study.config import Config


def test_the_command_of_a_configuration_asks_for_it_again(monkeypatch):
    config = Config(preset="full", corpus="my text.txt", data_dir=Path("a b"), seeds=2, learning_rate=1e-3, open=True)
    monkeypatch.setattr(sys, "argv", shlex.split(command_of(config))[2:])
    assert read_command_line(Config, "", None) == config
    assert "--chars" not in command_of(config)
