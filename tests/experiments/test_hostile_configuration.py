"""Stored configurations and command lines under hostile input: a configuration that can be used, or InputError."""

import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charrnn_jax.text.byte import ByteTokenizer
from experiments import (
    char_vs_word,
    command_line,
    doctor,
    json_files,
    one_hot_vs_lookup,
    run_check,
    run_config,
    sample,
    sampling_speed,
    softmax_memory,
    speed,
    sunny,
)
from tests.hostile import INTEGERS, JSON, JSON_TEXT, NUMBERS, TEXT, altered, damaged, patiently, survives

STORED = {"schema": 1, "experiment": "experiments.train", "config": command_line.plain(run_config.Config())}
KINDS = {
    **dict.fromkeys(["data_dir", "store_dir", "init_from", "vectors", "resume"], (Path, type(None))),
    **{f.name: (float, type(None)) for f in fields(run_config.Config) if f.type == float | None},
    **{f.name: (int, type(None)) for f in fields(run_config.Config) if f.type == int | None},
    "out": Path,
}
# What a value of the command line is held to before anything is made of it.
CHECKS = {
    run_config.Config: run_check.check,
    char_vs_word.Config: char_vs_word.preset_of,
    **dict.fromkeys(
        [module.Config for module in (doctor, one_hot_vs_lookup, sample, sampling_speed, softmax_memory, speed, sunny)],
        repr,
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def check_usable(config):
    """Every field is of the type that it declares, and a model can be made of them."""
    for field in fields(config):
        value = getattr(config, field.name)
        expected = isinstance(value, KINDS[field.name]) if field.name in KINDS else type(value) is type(field.default)
        assert expected, f"{field.name} is {value!r}"
    assert all(type(step) is int for step in (*config.decay_at, *config.cutoffs))
    run_check.check(config)
    assert run_config.model_of(config, ByteTokenizer()).hidden_size == config.hidden_size


@patiently()
@given(content=JSON_TEXT, kind=st.sampled_from([dict, list]))
def test_any_json_is_read_or_refused(folder, content, kind):
    path = folder / "any.json"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    value = survives(json_files.read_json, path, kind)
    assert value is None or isinstance(value, kind)


def test_a_number_is_no_list_of_steps():
    assert command_line.from_plain(run_config.Config, STORED["config"]) == run_config.Config()
    with pytest.raises(TypeError, match="cutoffs is 0"):
        command_line.from_plain(run_config.Config, {**STORED["config"], "cutoffs": 0})


@patiently()
@given(value=JSON)
def test_what_is_written_can_be_read(folder, value):
    survives(json_files.write_json, folder / "written.json", {"value": value})
    assert "value" in json_files.read_json(folder / "written.json")


@patiently()
@given(
    content=JSON_TEXT
    | altered(STORED).map(json.dumps)
    | altered(STORED["config"]).map(lambda config: json.dumps({**STORED, "config": config}))
    | damaged(json.dumps(STORED))
)
def test_a_stored_configuration_is_usable_or_refused(folder, content):
    (folder / "config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    read = survives(command_line.read_config, folder / "config.json", run_config.Config)
    if read is not None and survives(lambda: run_check.check(read) or read) is not None:
        check_usable(read)


SIZES = {f.name: INTEGERS for f in fields(run_config.Config) if type(f.default) is int}
RATES = {f.name: st.floats() for f in fields(run_config.Config) if type(f.default) is float or f.type == float | None}
STEPS = {"decay": st.sampled_from(["steps", "cosine"]), "decay_at": st.lists(INTEGERS, max_size=3).map(tuple)}


@patiently()
@given(changes=st.fixed_dictionaries({}, optional={**SIZES, **RATES, **STEPS, "tied": st.booleans()}))
def test_any_sizes_are_checked(changes):
    config = replace(run_config.Config(), **changes)
    if survives(lambda: run_check.check(config) or config) is not None:
        check_usable(config)


FLAGS = {config: [field.name.replace("_", "-") for field in fields(config)] for config in CHECKS}
AWKWARD = ["", "-", "--", "None", "[/red]", "{}", "%s", "@x", "1_0", "0x1", "1e3", "True"]
VALUES = TEXT | NUMBERS.map(str) | st.sampled_from(AWKWARD)


@patiently()
@given(data=st.data(), config=st.sampled_from(list(CHECKS)))
def test_any_command_line_is_read_or_refused(data, config):
    known = st.sampled_from(FLAGS[config]).map("--".__add__)
    pair = st.tuples(known, VALUES) | st.tuples(known, NUMBERS.map(str))
    words = [word for flag in data.draw(st.lists(pair, min_size=1, max_size=3)) for word in flag]
    words += data.draw(st.just([]) | st.lists(TEXT, max_size=2))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["experiment", *words])
        read = survives(command_line.read_command_line, config, "", None)
        if read is not None:
            assert isinstance(read, config)
            survives(CHECKS[config], read)
