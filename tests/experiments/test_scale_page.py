from dataclasses import replace
from pathlib import Path

import pytest

from charrnn_jax.errors import InputError
from experiments.json_files import read_json, write_json
from experiments.report.scale import Sheet, markdown_table
from experiments.report.scale_limits import limits_of
from experiments.scale_page import PLACE, SHAPE, Config, filled, main, sheets_of
from experiments.scaling.comparison import machine_from, predicted
from experiments.scaling.cost import seconds_of
from experiments.scaling.plans import (
    BENCHMARKS,
    BILLION,
    CHARACTER,
    CORPORA,
    H100,
    epoch_seconds,
    fastest,
    meshes_of,
    on_mesh,
)
from experiments.scaling.workload import Workload

ROOT = Path(__file__).parents[2]
MEASURED, PAGE = ROOT / "results" / "scale.json", ROOT / "docs" / "scale.md"


@pytest.fixture(scope="module")
def report():
    return read_json(MEASURED, SHAPE)


@pytest.fixture(scope="module")
def sheets(report):
    return sheets_of(report)


def test_the_page_has_every_table_as_it_is_made_now(sheets):
    page = PAGE.read_text()
    assert page == filled(page, sheets)
    assert {place[2] for place in PLACE.finditer(page)} == sheets.keys()


def test_what_the_measurement_predicted_is_what_the_model_predicts_now(report):
    machines = {found["devices"]: machine_from(found) for found in report["machines"]}
    for row in (row for rows in report["rows"].values() for row in rows):
        work = Workload(**row["work"])
        assert row["predicted"] == predicted(work, machines[work.devices])
    for several in (*report["shards"].values(), *report["benchmarks"].values()):
        for row in several:
            assert row["predicted"] == predicted(Workload(**row["work"]))


def test_memory_falls_as_one_over_the_shards_there(report):
    alone, *shared = report["shards"]["vocab"]
    for row in shared:
        assert 0.99 < row["work"]["vocab"] * row["planned"]["total"] / alone["planned"]["total"] < 1.05
        assert 0.99 < row["work"]["vocab"] * row["held"] / alone["held"] < 1.05


def test_a_table_takes_its_place_and_no_other():
    page = "before\n<!-- table: a -->\nold\n<!-- end -->\nafter\n"
    sheet = Sheet("", ("x", "two\nlines"), [("1", "2")])
    assert filled(page, {"a": sheet}) == page.replace("old", "\n| x | two lines |\n| --- | --: |\n| 1 | 2 |\n")
    assert markdown_table(sheet) in filled(filled(page, {"a": sheet}), {"a": sheet})
    with pytest.raises(InputError, match="there is no table a: use b"):
        filled(page, {"b": sheet})


def test_what_is_missing_or_damaged_is_named_and_the_page_stays(tmp_path):
    config = Config(tmp_path / "scale.json", tmp_path / "scale.md")
    with pytest.raises(InputError, match=r"scale\.json is no file: give --measured"):
        main(config)
    write_json(config.measured, {"schema": 1})
    with pytest.raises(InputError, match=r"scale\.md is no file: give --page"):
        main(config)
    config.page.write_text("prose\n")
    with pytest.raises(InputError, match="has no machines"):
        main(config)
    main(replace(config, measured=MEASURED))
    assert config.page.read_text() == "prose\n"


def test_plans_by_hand():
    work = on_mesh(BENCHMARKS["2048-512"], 8, 8)
    assert (work.B, work.tokens, work.rows) == (128 * 64, 20 * 1024, 99_184)
    steps = 0.8e9 / (128 * 64 * 20)
    assert epoch_seconds(BILLION, work, H100) == pytest.approx(steps * seconds_of(work, H100).total)
    assert [(each.data, each.vocab) for each in meshes_of(CHARACTER, 64)] == [(64, 1)]
    assert fastest(BENCHMARKS["8192-1024"], 8, H100).data == 8, "its recurrence is repeated by whoever shares the words"
    assert [corpus.id_bytes for corpus in CORPORA] == [4, 1, 4]


def test_limits_by_hand():
    found = limits_of(on_mesh(BENCHMARKS["2048-512"], 8, 8))
    recurrent = 4 * 2048 * (512 + 2048 + 1) + 4 * 512 * (2048 + 512 + 1)
    assert found["parameters that every device has, GB"] == f"{4 * recurrent / 1e9:.2f}"
    assert found["gradient of a device's rows of the embedding, MB"] == f"{4 * 99_184 * 512 / 1e6:.1f}"
    assert found["embedding vectors summed over devices, MB"] == f"{4 * 20 * 1024 * 512 / 1e6:.1f}"
    parameters = recurrent + 8 * 99_184 * (512 + 1)
    assert found["checkpoint, GB"] == f"{12 * parameters / 1e9:.1f}"
