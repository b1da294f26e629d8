import re
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokens import encode
from experiments.fit import Trainer
from experiments.meshes import EVENLY, Spread, described, mesh_for, spread_of
from experiments.run_check import check
from experiments.run_config import Config
from experiments.run_folder import load_state, read_run
from experiments.schedule import Schedule
from experiments.train import main
from tests.faults.harness import run

# Orbax warns of its own plans, and leaves event loops open.
pytestmark = pytest.mark.filterwarnings("default")
TEXT = StringText("Sunny days are the best days to go for a walk. " * 40)
SIZES = {"hidden_size": 16, "embed_size": 8, "steps": 20, "batch_size": 8, "length": 16, "points": 2, "cell": "elman"}


@pytest.mark.parametrize(
    ("flag", "spread"),
    [("", EVENLY), ("data=4", Spread(4)), ("vocab=2", Spread(None, 2)), ("data=4,vocab=2", Spread(4, 2))],
)
def test_a_flag_is_read(flag, spread):
    assert spread_of(flag) == spread


@pytest.mark.parametrize("flag", ["data", "data=", "data=0", "data=-1", "data=4,", "data=2,data=2", "x=2", "data=1e9"])
def test_any_other_flag_is_refused_with_one_that_is_right(flag):
    with pytest.raises(InputError, match=f"--mesh is '{re.escape(flag)}': use such as --mesh data=4"):
        spread_of(flag)


def test_the_streams_take_what_devices_there_are():
    assert described(mesh_for(spread_of("vocab=2"), 8)) == "data=4, vocab=2"
    assert described(mesh_for(spread_of("data=3"), 32)) == "data=2, vocab=1", "three do not share 32 evenly"
    with pytest.raises(InputError, match=r"takes 16 devices, and there are 8: .*device_count=16"):
        mesh_for(spread_of("data=8,vocab=2"), 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mesh": "data=3"}, "--batch-size is 32 and must be a multiple of 3"),
        ({"accumulate": 5}, "must be a multiple of 5, --accumulate$"),
        ({"mesh": "data=8", "accumulate": 8}, "must be a multiple of 64, --accumulate times data of --mesh"),
        ({"mesh": "vocab=2", "input_mode": "direct"}, "--mesh with a vocab is for --input-mode lookup"),
    ],
)
def test_a_mesh_that_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        check(replace(Config(), **changes))


def test_a_mesh_that_is_not_there_ends_in_one_line_and_exit_code_2(tmp_path):
    done = run("train", "--out", tmp_path / "out", "--mesh", "data=16,vocab=4")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "--mesh takes 64 devices, and there are 8" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Sunny days are the best days to go for a walk. " * 400)
    return str(path)


def test_a_run_goes_on_on_another_mesh_with_the_same_result(tmp_path, text, capsys):
    """Ten steps on one mesh, ten on another, with parts: as all twenty on one device."""
    config = Config(corpus=text, out=tmp_path / "one", mesh="data=1", drop_state=0.0, **SIZES)
    main(config)
    main(replace(config, out=tmp_path / "many", mesh="data=2,vocab=3", accumulate=2))
    (tmp_path / "many" / "checkpoints" / "20").rename(tmp_path / "moved")  # back to where half of it was done
    main(Config(resume=tmp_path / "many", mesh="data=4,vocab=2"))
    said = " ".join(capsys.readouterr().out.split())
    assert "the run had --mesh data=2,vocab=3: on another it goes on, not bit for bit" in said
    assert "mesh data=4, vocab=2" in said
    one, many = (load_state(read_run(tmp_path / name)) for name in ("one", "many"))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5), many, one)


def test_bytes_of_a_device_fall_with_its_share_of_the_vocabulary():
    """Parameters, what the optimiser remembers and, chunk by chunk, logits: all but what is the same everywhere."""
    model, schedule = LanguageModel(40_001, 8, 8, cell="elman"), Schedule(10, 8, 8, 1e-3)

    def planned(vocab):
        trainer = Trainer(model, ByteTokenizer(), encode(ByteTokenizer(), TEXT), schedule, 0, Spread(1, vocab))
        plan = trainer.train_step.memory_analysis()
        return plan.argument_size_in_bytes, plan.temp_size_in_bytes

    alone = planned(1)
    for ours, whole in zip(planned(8), alone, strict=True):
        assert ours < 1.1 * whole / 8
