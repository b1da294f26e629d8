import json
from dataclasses import replace

import numpy as np
import pytest

from charrnn_jax.errors import InputError
from experiments.one_hot_vs_lookup import WAYS, Config, check_agreement, main
from experiments.report.costs import Row, show_bytes, show_time

SMALL = Config(vocabularies=(5, 3000), tokens=32, embed_size=8, memory_gib=1e-4, rounds=4, seconds=0.2)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one_hot") / "run"
    main(replace(SMALL, out=folder))
    assert (folder / "one_hot_vs_lookup.png").read_bytes().startswith(b"\x89PNG")
    return json.loads((folder / "results.json").read_text())


def test_every_function_has_a_row(results):
    assert (results["schema"], results["experiment"]) == (1, "one_hot_vs_lookup")
    assert results["config"]["vocabularies"] == [5, 3000]
    found = [(row["vocab_size"], row["way"], row["direction"]) for row in results["rows"]]
    assert set(found) == {(v, w, d) for v in (5, 3000) for w in WAYS for d in ("forward", "backward")}
    assert len(found) == 8


def test_what_runs_is_timed_and_what_does_not_says_why(results):
    for row in results["rows"]:
        table = 4 * 8 * row["vocab_size"]
        assert (row["skipped"] == "") == (table + row["memory_bytes"] <= SMALL.memory_gib * 2**30)
        assert (len(row["seconds"]) >= 3) == (row["skipped"] == "")
        assert all(seconds > 0 for seconds in row["seconds"])
    by_name = {(row["vocab_size"], row["way"], row["direction"]): row for row in results["rows"]}
    assert "GiB" in by_name[3000, "one_hot", "forward"]["skipped"]
    assert by_name[3000, "lookup", "forward"]["skipped"] == ""


def test_one_hot_vectors_take_memory_in_proportion_to_the_vocabulary(results):
    memory = {(row["vocab_size"], row["way"]): row["memory_bytes"] for row in results["rows"][::2]}
    bytes_of_result = 32 * 8 * 4
    assert memory[5, "lookup"] == memory[3000, "lookup"] == bytes_of_result
    assert memory[3000, "one_hot"] >= 32 * 3000 * 4 + bytes_of_result


def test_the_table_fits_80_columns(tmp_path, capsys):
    main(replace(SMALL, out=tmp_path / "run"))
    printed = capsys.readouterr().out
    assert "not run:" in printed
    table = printed[printed.index("Embedding, forward") : printed.index("Wrote")]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 80
    assert "…" not in table


def test_disagreement_is_an_error():
    rows = np.ones((2, 3), np.float32)
    check_agreement({("one_hot", "forward"): rows, ("lookup", "forward"): rows})
    with pytest.raises(AssertionError, match="not the look-up"):
        check_agreement({("one_hot", "forward"): rows, ("lookup", "forward"): rows + 1})


@pytest.mark.parametrize("name", ["tokens", "embed_size", "memory_gib", "rounds", "seconds"])
def test_names_the_flag_that_must_be_positive(tmp_path, name):
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} is 0"):
        main(replace(SMALL, out=tmp_path, **{name: 0}))


@pytest.mark.parametrize(
    ("vocabularies", "message"),
    [((), "--vocabularies names nothing"), ((26, 0), "--vocabularies is 0"), ((26, 2**31), "is too large")],
)
def test_vocabularies_that_no_table_has(tmp_path, vocabularies, message):
    with pytest.raises(InputError, match=message):
        main(replace(SMALL, out=tmp_path / "run", vocabularies=vocabularies))
    assert not (tmp_path / "run").exists()


def test_what_no_machine_holds_is_planned_and_not_run(tmp_path):
    main(replace(SMALL, out=tmp_path / "run", vocabularies=(2_000_000_000,)))
    rows = json.loads((tmp_path / "run" / "results.json").read_text())["rows"]
    assert all(row["skipped"] and row["memory_bytes"] > 0 for row in rows)


def test_units():
    row = Row(5, "lookup", "forward", 0, [0.002, 0.002, 0.002], "")
    assert show_time(row) == "2 ms ±0%"
    assert show_time(row._replace(seconds=[3e-5])) == "30 µs ±0%"
    assert show_time(row._replace(seconds=[])) == "–"
    assert [show_bytes(n) for n in (512, 3 * 2**20, 2**30)] == ["0.5 KiB", "3 MiB", "1 GiB"]
