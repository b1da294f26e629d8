import json
from pathlib import Path

import pytest

from charrnn_jax.errors import InputError
from experiments.command_line import plain
from experiments.json_files import write_json
from experiments.recipes import NAMES, module_of
from experiments.results import Config, main

ROOT = Path(__file__).parents[2]


def run_of(seed, perplexity, minutes):
    score = {"nats": 1000.0, "chars": 442423, "bits_per_char": 1.25, "perplexity_per_token": perplexity}
    score["nats_per_token"] = 4.7
    return {
        "corpus": {"name": "ptb"},
        "scores": {"valid": score, "test": score},
        "step": 100,
        "curve": [
            {"step": step, "seconds": seconds, "valid_bits_per_char": 1.3}
            for step, seconds in ((100, 1.0), (13 * 2324, 60.0 * minutes))
        ],
        "environment": {
            "devices": ["cpu:cpu"],
            "cores": 2,
            "processor": "Xeon",
            "precision": "float32",
            "commit": f"c0ffee{seed}",
        },
        "command": f"python -m experiments.train --recipe zaremba_small --seed {seed}",
    }


@pytest.fixture
def lines(tmp_path):
    for seed, perplexity, minutes in ((0, 114.0, 50), (1, 116.5, 70)):
        write_json(tmp_path / f"zaremba_small-seed{seed}.json", run_of(seed, perplexity, minutes))
    main(Config(tmp_path, tmp_path / "page.md"))
    return (tmp_path / "page.md").read_text().splitlines()


def test_several_seeds_are_a_mean_and_a_range_beside_the_published_figure(lines):
    expected = "| zaremba_small | ptb | perplexity per token, test | 114.5 | 115.25 (114.00 to 116.50; 2 seeds) |"
    assert expected in lines
    hardware = "cpu:cpu, 2 cores, Xeon, float32"
    assert f"| zaremba_small | 60 (50 to 70; 2 seeds) min | {hardware} | c0ffee0, c0ffee1 |" in lines
    assert "    python -m experiments.train --recipe zaremba_small --seed 1" in lines


def test_a_figure_of_validation_comes_with_the_lowest_on_the_way(tmp_path):
    run = run_of(0, 4.0, 10)
    points = [
        {"step": 7_050 * n, "seconds": 60.0 * n, "valid_bits_per_char": bits}
        for n, bits in enumerate((3.0, 2.0, 2.5), 1)
    ]
    run |= {
        "scores": {**run["scores"], "valid": {**run["scores"]["test"], "nats_per_token": 1.75}},
        "curve": points,
        "corpus": {"name": "tinyshakespeare-rows"},
    }
    write_json(tmp_path / "char_rnn_2x128-seed0.json", run)
    main(Config(tmp_path, tmp_path / "page.md"))
    assert "| none found | 1.7500; the lowest on the way 1.3863 |" in (tmp_path / "page.md").read_text()


def test_first_passes_are_a_table_of_their_own(tmp_path):
    write_json(tmp_path / "zaremba_small-seed0.json", run_of(0, 114.0, 50))
    begun = [{"step": 2656, "seconds": 60.0, "valid_bits_per_char": 1.25}]
    run = run_of(0, 200.0, 10) | {"step": 2656, "curve": begun}
    (tmp_path / "first").mkdir()
    write_json(tmp_path / "first" / "zaremba_medium-seed0.json", run)
    main(Config(tmp_path, tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    assert "| zaremba_medium | 2,656 | 51,792 | perplexity per token, valid | 109.9 |" in page
    assert "| zaremba_medium | ptb | perplexity per token, test | 82.7 | not run |" in page
    assert "| zaremba_medium | 1 min |" in page


def test_what_was_not_run_says_so(lines):
    assert "| zaremba_large | ptb | perplexity per token, test | 78.4 | not run |" in lines
    assert sum(line.endswith("| not run |") for line in lines) == len(NAMES) - 1


def test_penn_treebank_is_in_total_bits_over_its_characters(lines):
    assert any(line.startswith("| zaremba_small | 1,443 (1,443 to 1,443; 2 seeds) | 442,423 |") for line in lines)


@pytest.mark.parametrize("made", [False, True])
def test_without_results_the_page_stays_as_it_is(tmp_path, made):
    folder, kept = tmp_path / "results", tmp_path / "page.md"
    kept.write_text("figures")
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match=r"has no RECIPE-seedN\.json of any recipe: give --results"):
        main(Config(folder, kept))
    assert kept.read_text() == "figures"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"scores": {}}, "scores has no valid"),
        ({"curve": []}, "curve is empty"),
        (
            {"scores": {split: dict.fromkeys(run_of(0, 1.0, 1)["scores"]["test"]) for split in ("valid", "test")}},
            "nats is",
        ),
    ],
)
def test_a_result_that_is_none_is_named(tmp_path, changes, reason):
    write_json(tmp_path / "zaremba_small-seed0.json", {**run_of(0, 114.0, 50), **changes})
    with pytest.raises(InputError, match=rf"zaremba_small-seed0\.json is damaged \(.*{reason}"):
        main(Config(tmp_path, tmp_path / "page.md"))
    assert not (tmp_path / "page.md").exists()


def test_a_result_of_another_recipe_than_todays_is_refused(tmp_path):
    run = run_of(0, 114.0, 50)
    run["curve"].pop()
    write_json(tmp_path / "zaremba_small-seed0.json", run)
    with pytest.raises(InputError, match=r"zaremba_small-seed0.json is of 100 steps, and the recipe has 30,212: run"):
        main(Config(tmp_path, tmp_path / "page.md"))


@pytest.mark.parametrize(("setting", "value"), [("length", 35), ("decay_at", [9]), ("precision", "bfloat16")])
def test_a_result_with_another_setting_than_the_recipe_is_refused(tmp_path, setting, value):
    config = plain(module_of("zaremba_small").RECIPE) | {"seed": 3, "out": "elsewhere"}
    path = tmp_path / "zaremba_small-seed3.json"
    write_json(path, run_of(3, 114.0, 50) | {"config": config})
    main(Config(tmp_path, tmp_path / "page.md"))
    write_json(path, run_of(3, 114.0, 50) | {"config": config | {setting: value}})
    with pytest.raises(InputError, match=r"seed3.json has \S+ as --\S+, where its recipe and name have .*: run"):
        main(Config(tmp_path, tmp_path / "page.md"))


def first_passes(tmp_path, **changes):
    """A result of two passes of zaremba_medium, beside one of zaremba_small that is whole."""
    write_json(tmp_path / "zaremba_small-seed0.json", run_of(0, 114.0, 50))
    recipe = module_of("zaremba_medium").RECIPE
    config = plain(recipe) | {"seed": 0, "steps": 2656, "points": 2, "precision": "bfloat16"} | changes
    begun = [{"step": 2656, "seconds": 60.0, "valid_bits_per_char": 1.25}]
    (tmp_path / "first").mkdir(exist_ok=True)
    path = tmp_path / "first" / "zaremba_medium-seed0.json"
    write_json(path, run_of(0, 200.0, 10) | {"step": 2656, "curve": begun, "config": config})


@pytest.mark.parametrize("changes", [{"learning_rate": 1.0}, {"hidden_size": 7}, {"corpus": "wikitext-2"}])
def test_first_passes_are_those_of_the_recipe(tmp_path, changes):
    first_passes(tmp_path)
    main(Config(tmp_path, tmp_path / "page.md"))
    first_passes(tmp_path, **changes)
    with pytest.raises(InputError, match=r"first/zaremba_medium-seed0.json has \S+ as --\S+, where its recipe"):
        main(Config(tmp_path, tmp_path / "page.md"))


def test_every_machine_of_several_seeds_is_named(tmp_path):
    for seed, cores in ((0, 2), (1, 1), (10, 2)):
        run = run_of(seed, 114.0, 50)
        run["environment"]["cores"] = cores
        write_json(tmp_path / f"zaremba_small-seed{seed}.json", run)
    main(Config(tmp_path, tmp_path / "page.md"))
    page = (tmp_path / "page.md").read_text()
    assert "| cpu:cpu, 2 cores, Xeon, float32; cpu:cpu, 1 core, Xeon, float32 |" in page
    assert page.index("--seed 1\n") < page.index("--seed 10\n")


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("zaremba_smal-seed0", {}, r"is of no recipe: rename it"),
        ("zaremba_small-seed", {}, r"is of no recipe: rename it"),
        ("zaremba_small-seed1", {"config": {"seed": 2}}, r"has 2 as --seed, where its recipe and name have 1"),
        ("zaremba_small-seed1", {"corpus": {"name": "ptbx"}}, r"has ptbx as the text, .* have ptb"),
        ("zaremba_small-seed1", {"config": [1]}, r"is damaged \(config is not a dict\): restore it"),
        ("zaremba_small-seed1", {"config": None}, r"is damaged \(config is not a dict\): restore it"),
        (
            "zaremba_small-seed1",
            {"environment": run_of(0, 1.0, 1)["environment"] | {"processor": 7}},
            r"is damaged \(environment.processor is not a str\): restore it",
        ),
        ("zaremba_small-seed1", {"step": True}, r"is damaged \(step is not a int\): restore it"),
        ("zaremba_small-seed1", {"step": float("nan")}, r"is damaged \(NaN is no number\): restore it"),
    ],
)
def test_a_result_that_was_changed_by_hand_is_refused(tmp_path, name, changes, reason):
    write_json(tmp_path / "zaremba_small-seed0.json", run_of(0, 114.0, 50))
    (tmp_path / f"{name}.json").write_text(json.dumps(run_of(1, 115.0, 50) | changes))
    with pytest.raises(InputError, match=rf"{name}\.json {reason}"):
        main(Config(tmp_path, tmp_path / "page.md"))
    assert not (tmp_path / "page.md").exists()


def test_a_setting_that_is_younger_than_the_run_had_its_default(tmp_path):
    config = plain(module_of("zaremba_small").RECIPE) | {"seed": 0}
    config.pop("zoneout_cell")
    write_json(tmp_path / "zaremba_small-seed0.json", run_of(0, 114.0, 50) | {"config": config})
    main(Config(tmp_path, tmp_path / "page.md"))
    config.pop("clip")
    write_json(tmp_path / "zaremba_small-seed0.json", run_of(0, 114.0, 50) | {"config": config})
    with pytest.raises(InputError, match=r"has 1\.0 as --clip, where its recipe and name have 0\.25"):
        main(Config(tmp_path, tmp_path / "page.md"))


def test_the_page_is_that_of_the_results_in_the_repository(tmp_path):
    main(Config(ROOT / "results", tmp_path / "page.md"))
    assert (ROOT / "docs" / "results.md").read_text() == (tmp_path / "page.md").read_text()
