import json
from dataclasses import replace

import pytest

from charrnn_jax.errors import InputError
from experiments import scale
from experiments.scale import Config, check, main, powers_of_two, sweeps
from experiments.scaling import calibration
from experiments.scaling.comparison import machine_from, predicted
from experiments.scaling.workload import Workload
from tests.faults.harness import run

TINY = Config(
    vocab_size=60,
    embed_size=4,
    hidden_size=8,
    batch_size=8,
    length=4,
    batches=(8,),
    vocabularies=(60,),
    planned_vocabulary=1000,
    shards=(1, 2),
    benchmarks=(),
    threads=(),
    rounds=3,
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """On two devices."""
    out = tmp_path_factory.mktemp("scale") / "run"
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {"ROWS": 32, "COPIED": 256, "SUMMED": (64, 256)}.items():
            patched.setattr(calibration, name, value)
        patched.setattr(scale, "powers_of_two", lambda _: [1, 2])
        main(replace(TINY, out=out))
    return out, json.loads((out / "scale.json").read_text())


def test_what_varies_is_measured_and_predicted(done):
    out, report = done
    assert (out / "scale.png").read_bytes().startswith(b"\x89PNG")
    meshes = {
        sweep: [tuple(row["work"][name] for name in ("V", "B", "data", "vocab")) for row in rows]
        for sweep, rows in report["rows"].items()
    }
    assert meshes["devices"] == [(60, 8, 1, 1), (60, 8, 2, 1)]
    assert meshes["batch"] == [(60, 8, 2, 1)]
    assert meshes["vocabulary"] == [(60, 8, 2, 1), (60, 8, 1, 2)]
    for row in (row for rows in report["rows"].values() for row in rows):
        work, machine = Workload(**row["work"]), report["machines"][row["work"]["data"] * row["work"]["vocab"] - 1]
        assert len(row["seconds"]) == 3
        assert row["quartiles"][0] <= row["median"] <= row["quartiles"][1]
        assert row["predicted"] == predicted(work, machine_from(machine))
        assert row["seconds_ratio"] == pytest.approx(row["predicted"]["total_seconds"] / row["median"])
        assert row["tokens_per_second"] == pytest.approx(work.B * 4 / row["median"])


def test_plans_are_of_all_numbers_of_devices(done):
    shards = done[1]["shards"]
    assert (
        [row["work"]["vocab"] for row in shards["vocab"]] == [row["work"]["data"] for row in shards["data"]] == [1, 2]
    )
    alone, shared = (row["planned"]["arguments"] for row in shards["vocab"])
    assert alone / 2 < shared < 0.6 * alone
    assert shards["data"][1]["planned"]["arguments"] > 0.9 * alone
    for row in shards["vocab"]:
        assert row["held"] == pytest.approx(row["planned"]["arguments"], rel=0.01), "and a window"


def test_the_tables_fit_80_columns(done, capsys, monkeypatch):
    monkeypatch.setattr(scale.console, "width", 80)
    sheets = scale.measured_sheets(done[1] | {"threads": [THREADS]})
    assert list(sheets) == ["machine", "devices", "batch", "vocabulary", "shards", "threads"]
    for sheet in sheets.values():
        scale.console.print(scale.terminal_table(sheet))
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 80
    assert not [line for line in lines if "…" in line]


THREADS = {"size": "W", "devices_seconds": 9.5, "threads_seconds": 10.5, "ratio": 1.1, "ratio_quartiles": [1.0, 1.2]}


def test_numbers_of_devices_are_powers_of_two():
    assert [powers_of_two(n) for n in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2], [1, 2, 4, 8]]


def test_one_device_has_one_way_to_share():
    assert [work.devices for work in sweeps(TINY, [1])["vocabulary"]] == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 0}, "--hidden-size is 0 and must be above zero"),
        ({"batches": ()}, "--batches names nothing"),
        ({"vocabularies": (5, -1)}, "--vocabularies is -1"),
        ({"planned_vocabulary": 2**31}, "--planned-vocabulary 2147483648 is too large"),
        ({"batches": (8, 9)}, "9 streams cannot be shared by 2 devices"),
        ({"shards": (3,)}, "8 streams cannot be shared by 3 devices"),
        ({"shards": (128,)}, "--shards 128 is too many: use 64 or less"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        check(replace(TINY, **changes), 2)


def test_what_no_step_can_have_ends_in_one_line_and_exit_code_2(tmp_path):
    ended = run("scale", "--batch-size", "9", "--out", tmp_path / "out")
    assert (ended.returncode, len(ended.stderr.strip().splitlines())) == (2, 1)
    assert "9 streams cannot be shared by 8 devices" in ended.stderr
    assert not (tmp_path / "out").exists()
