import math
import signal
from pathlib import Path

import jax
import numpy as np
import pytest

from charrnn_jax.optimisers import AveragedState, annealed
from experiments import evaluate, sample
from experiments.interruption import Interrupted
from experiments.json_files import read_json
from experiments.run_config import Config
from experiments.run_folder import load_params, load_state, read_run
from experiments.train import main
from tests.experiments import test_train
from tests.faults.harness import fingerprint

# Orbax warns of its own plans, and leaves event loops open: both end with the test that used it.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("collected")]


def config_of(text, out, **changes):
    return test_train.config_of(text, out, **{"steps": 24, "points": 12, **changes})


def ends_in_the_same_bits(monkeypatch, text, whole, at, changes):
    """Whether a run that is stopped at that step and resumed ends as the unbroken one did."""
    broken = whole.with_name("broken")
    test_train.interrupt(monkeypatch, at, signal.SIGTERM)
    with pytest.raises(Interrupted):
        main(config_of(text, broken, **changes))
    monkeypatch.undo()
    main(Config(resume=broken))
    return fingerprint(broken) == fingerprint(whole)


def test_a_run_that_averages_keeps_both_and_is_resumed_in_the_same_bits(tmp_path, text, monkeypatch):
    """The rate is so high that validations get worse, which is what averaging waits for."""
    changes = {"optimizer": "sgd", "learning_rate": 30.0, "decay": "none", "average_after": 1, "steps": 24}
    main(config_of(text, tmp_path / "whole", **changes))
    kept = read_run(tmp_path / "whole")
    state = load_state(kept)
    assert isinstance(state.opt_state, AveragedState)
    assert 1 < state.opt_state.averaged < 24
    jax.tree.map(np.testing.assert_array_equal, load_params(kept), state.opt_state.mean)
    differ = jax.tree.map(lambda mean, now: bool((mean != now).any()), state.opt_state.mean, state.params)
    assert all(jax.tree.leaves(differ))
    assert ends_in_the_same_bits(monkeypatch, text, tmp_path / "whole", 15, changes)


LAYERS = {
    "mogrifier and mixture": {"cell": "capped_mogrifier", "rounds": 3, "rank": 2, "components": 2, "tokenizer": "byte"},
    "layer norm and clusters": {"cell": "layer_norm_lstm", "cutoffs": (4, 8), "zoneout_hidden": 0.1},
    "qrnn and sample": {"cell": "qrnn_2", "samples": 5, "zoneout_cell": 0.1, "layers": 2},
}


@pytest.mark.parametrize("name", LAYERS)
def test_other_layers_and_softmaxes_are_trained_scored_and_written_with(tmp_path, text, name, capsys):
    changes = {"tokenizer": "word", "steps": 40, "points": 1, "learning_rate": 0.02, **LAYERS[name]}
    main(config_of(text, tmp_path / "run", **changes))
    nats = read_json(tmp_path / "run" / "results.json")["scores"]["test"]["nats_per_token"]
    assert nats < 0.7 * np.log(len(load_params(read_run(tmp_path / "run"))["embedding"]))  # of knowing nothing
    evaluate.main(evaluate.Config(text=Path(text), run=tmp_path / "run", cache=8))
    sample.main(sample.Config(run=tmp_path / "run", tokens=20))
    assert "continuous cache" in capsys.readouterr().out


def test_a_run_anneals_where_validation_is_no_better_and_is_resumed_in_the_same_bits(tmp_path, text, monkeypatch):
    """The rate is so high that validations get worse; stopped after it has fallen twice."""
    changes = {"optimizer": "sgd", "learning_rate": 100.0, "decay": "anneal", "decay_by": 0.25, "warmup": 0}
    main(config_of(text, tmp_path / "whole", **changes))
    curve = read_json(tmp_path / "whole" / "results.json")["curve"]
    expected, best = 100.0, math.inf
    for line in curve:
        assert line["learning_rate"] == expected
        if line["valid_bits_per_char"] >= best:
            expected /= 4
        best = min(best, line["valid_bits_per_char"])
    assert expected <= 100 / 4**2
    assert annealed(load_state(read_run(tmp_path / "whole")).opt_state) == expected / 100
    assert ends_in_the_same_bits(monkeypatch, text, tmp_path / "whole", 19, changes)


def test_a_run_of_random_lengths_is_resumed_in_the_same_bits(tmp_path, text, monkeypatch):
    """Stopped in its third pass through the text, of which a checkpoint knows the step and nothing else."""
    changes = {"random_length": True, "batch_size": 64, "length": 24, "dropout": 0.2, "steps": 30, "points": 2}
    main(config_of(text, tmp_path / "whole", **changes))
    assert ends_in_the_same_bits(monkeypatch, text, tmp_path / "whole", 25, changes)


def test_a_run_begins_with_vectors_and_leaves_them_as_they_are(tmp_path, text, capsys):
    (tmp_path / "vectors.vec").write_text("2 8\ndays " + "0.5 " * 8 + "\nwalk " + "-0.25 " * 8 + "\n")
    changes = {"tokenizer": "word", "vectors": tmp_path / "vectors.vec", "freeze_vectors": True, "points": 2}
    main(config_of(text, tmp_path / "run", **changes))
    assert "2 of " in capsys.readouterr().out
    table = np.asarray(load_params(read_run(tmp_path / "run"))["embedding"])
    for value in (0.5, -0.25):
        assert (table == np.float32(value)).all(axis=1).sum() >= 1
