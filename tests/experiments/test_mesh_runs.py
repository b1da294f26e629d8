"""Whole runs whose devices share a vocabulary that they do not divide, with whatever a run can have."""

import json
import shutil
from functools import partial

import jax
import numpy as np
import optax
import pytest

from charrnn_jax.io.checkpoints import steps
from charrnn_jax.io.corpora import load
from charrnn_jax.text.tokenizer import train_tokenizer
from charrnn_jax.text.tokens import encode
from experiments.fit import Scorer, Trainer
from experiments.meshes import Spread
from experiments.run_config import Config, model_of, schedule_of
from experiments.run_folder import load_state, read_run, read_trained
from experiments.train import main
from tests.faults.harness import fingerprint

# Orbax warns of its own plans, and leaves event loops open: both end with the test that used it.
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.usefixtures("collected")]

MESH = "data=2,vocab=3"
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "so", "did", "I"]
SMALL = {"tokenizer": "word", "pieces": 20, "hidden_size": 8, "embed_size": 8, "batch_size": 4, "length": 12}
SMALL |= {"cell": "elman"}
PLAIN = {**SMALL, "steps": 10, "points": 2, "drop_state": 0.0, "warmup": 0, "keep": 10}
HELD = {"freeze_vectors": True, "tied": True, "weight_decay": 0.05, "activation": 1.0, "temporal_activation": 1.0}
HELD |= {"clip": 1e-2, "clip_by": "value", "random_length": True, "on_nonfinite": "skip", "sample_chars": 5}
MEAN = {"average_after": 1, "points": 10, "optimizer": "sgd", "learning_rate": 5.0, "decay": "none", "clip": 0.2}
MEAN |= {"accumulate": 2}
NOISE = {"dropout": 0.2, "locked": True, "embedding_dropout": 0.3, "weight_drop": 0.2, "state_dropout": 0.2}
NOISE |= {"zoneout_hidden": 0.1, "drop_state": 0.2, "accumulate": 2, "tied": True}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(" ".join(np.random.default_rng(0).choice(WORDS, 2000)))
    return str(path)


@pytest.fixture
def vectors(tmp_path):
    """Of some words."""
    path = tmp_path / "some.vec"
    path.write_text("".join(f"{word} {n} 2 3 4 5 6 7 8\n" for n, word in enumerate(WORDS[::3])))
    return path


def curve(out):
    return [json.loads(line)["valid_bits_per_char"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def goes_on_from(out, last, **changes):
    """The run again, as if it had been stopped after that one of ten steps, or a little before."""
    for step in range(last + 1, 11):
        shutil.rmtree(out / "checkpoints" / str(step), ignore_errors=True)
    assert 0 < steps(out / "checkpoints")[-1] <= last
    main(Config(resume=out, **changes))


@pytest.mark.parametrize("changes", [HELD, MEAN], ids=["rows that stay", "a mean that has begun"])
def test_half_a_run_on_one_mesh_and_half_on_another_is_the_run_on_one_device(tmp_path, text, vectors, changes):
    begun = {"vectors": vectors} if changes is HELD else {}
    one, many = tmp_path / "one", tmp_path / "many"
    main(Config(corpus=text, out=one, mesh="data=1", **PLAIN | changes | begun))
    main(Config(corpus=text, out=many, mesh=MESH, **PLAIN | changes | begun))
    goes_on_from(many, 8, mesh="data=1,vocab=4")
    expected, found = (load_state(read_run(out)) for out in (one, many))
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-2, atol=1e-3), found, expected)
    np.testing.assert_allclose(curve(many), curve(one), rtol=1e-5)
    assert int(optax.tree.get(found.opt_state, "averaged", 9)) > 3, "or the mean had not begun"


def test_with_noise_devices_agree_and_the_run_goes_on_in_the_same_bits(tmp_path, text, monkeypatch):
    take_step = Trainer.take_step

    def watched(trainer, n):
        reported = take_step(trainer, n)
        jax.tree.map(assert_agreed, trainer.state)
        return reported

    monkeypatch.setattr(Trainer, "take_step", watched)
    out = tmp_path / "run"
    main(Config(corpus=text, out=out, mesh=MESH, **PLAIN | NOISE))
    whole = fingerprint(out)
    goes_on_from(out, 5)
    assert fingerprint(out) == whole
    model, tokenizer, params, _ = read_trained(out, best=False)
    score = Scorer(model, tokenizer, Spread(1)).score(params, encode(tokenizer, load(text).test))
    said = json.loads((out / "results.json").read_text())["scores"]["test"]["bits_per_char"]
    assert score.bits_per_char == pytest.approx(said, rel=1e-5)


def assert_agreed(x):
    """Wherever devices have the same part of an array, they have it in the same bits."""
    parts = {}
    for shard in x.addressable_shards:
        np.testing.assert_array_equal(shard.data, parts.setdefault(str(shard.index), shard.data))


def test_an_update_that_one_device_spoils_is_left_out_by_all(text):
    config = Config(on_nonfinite="skip", **SMALL)
    corpus = load(text)
    tokenizer = train_tokenizer("word", corpus.train, config.pieces)
    model, tokens = model_of(config, tokenizer), encode(tokenizer, corpus.train)
    trainer = Trainer(model, tokenizer, tokens, schedule_of(config), 0, Spread(2, 3))
    state = trainer.whole_state
    spoilt = np.array(state.params["embedding"])
    spoilt[tokens.ids[0]] = np.inf
    trainer.goes_on_from(state._replace(params={**state.params, "embedding": spoilt}))
    before = jax.tree.map(np.array, trainer.whole_state.params)  # what a step is given is gone after it
    nats, _ = trainer.take_step(0)
    assert not np.isfinite(nats)
    jax.tree.map(np.testing.assert_array_equal, trainer.whole_state.params, before)
    jax.tree.map(assert_agreed, trainer.state)
    assert not any(np.asarray(x).any() for x in jax.tree.leaves(trainer.state.carry)), "nobody's streams go on"
