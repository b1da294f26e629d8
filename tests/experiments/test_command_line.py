"""The command line of an experiment."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from charrnn_jax.errors import InputError
from experiments import run_config
from experiments.command_line import command_of, continued, read_command_line, write_config
from experiments.recipes import recipe
from experiments.study.config import Config


def test_the_command_of_a_configuration_asks_for_it_again(monkeypatch):
    config = Config(preset="full", corpus="my text.txt", data_dir=Path("a b"), seeds=2, learning_rate=1e-3, open=True)
    monkeypatch.setattr(sys, "argv", shlex.split(command_of(config))[2:])
    assert read_command_line(Config, "", None) == config
    assert "--chars" not in command_of(config)


def test_the_command_of_a_recipe_asks_for_it_again(monkeypatch):
    told = command_of(replace(recipe("zaremba_small"), resume=Path("runs/here")))
    assert "--resume" not in told
    monkeypatch.setattr(sys, "argv", shlex.split(told)[2:])
    assert read_command_line(run_config.Config, "") == recipe("zaremba_small")


def read(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["train", *map(str, words)])
    return read_command_line(run_config.Config, "", recipe)


def test_a_recipe_or_a_file_has_the_values_that_no_flag_has(monkeypatch, tmp_path):
    write_config(tmp_path / "config.json", recipe("awd_ptb"))
    assert read(monkeypatch, "--recipe", "awd_ptb") == read(monkeypatch, "--config", tmp_path / "config.json")
    changed = read(monkeypatch, "--recipe=zaremba_small", "--decay", "none", "--decay-at", "--forget-bias", "None")
    assert (changed.decay, changed.decay_at, changed.forget_bias, changed.hidden_size) == ("none", (), None, 200)


def test_of_two_recipes_or_a_recipe_and_a_file_neither_is_taken_silently(monkeypatch, tmp_path):
    write_config(tmp_path / "config.json", recipe("awd_ptb"))
    for second in (("--config", tmp_path / "config.json"), ("--recipe", "awd_ptb")):
        with pytest.raises(InputError, match="use one of them"):
            read(monkeypatch, "--recipe", "zaremba_small", *second)


def test_a_recipe_run_in_a_folder_of_its_own_is_resumed_by_the_same_words(monkeypatch, tmp_path):
    stored = read(monkeypatch, "--recipe", "zaremba_small", "--out", tmp_path)
    given = read(monkeypatch, "--recipe", "zaremba_small", "--resume", tmp_path)
    assert continued(given, stored, free=set()).out == tmp_path
    given = read(monkeypatch, "--recipe", "zaremba_small", "--resume", tmp_path, "--out", tmp_path / "other")
    with pytest.raises(InputError, match=r"--out .*other is not what the run"):
        continued(given, stored, free=set())
