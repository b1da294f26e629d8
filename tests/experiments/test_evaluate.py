import gc
import json
import re
import sys

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.io.text_file import open_text
from charrnn_jax.text.tokens import encode
from experiments import evaluate, run_folder, train
from experiments.adaptive import Extras, dynamic_score, extra_scores
from experiments.evaluate import Config
from experiments.run_config import Config as TrainConfig
from experiments.run_folder import read_trained
from experiments.scorer import Scorer
from experiments.shell import run

# Orbax warns of its own plans, and leaves event loops open: both end with the test that used it.
pytestmark = pytest.mark.filterwarnings("default")
LINE = re.compile(r"^  (\S.*): (\d+\.\d+) bits/char, .*,\n    perplexity .* per word(?:\n    (\S.*))?$", re.MULTILINE)
SMALL = {"hidden_size": 16, "embed_size": 8, "steps": 60, "batch_size": 4, "length": 16, "points": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on one text, and another text of the same characters: one that repeats itself."""
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "mine.txt").write_text("Sunny days are the best days to go for a walk. " * 60)
    (folder / "other.txt").write_text("So walk the dark day to the fog. " * 40)
    train.main(TrainConfig(corpus=str(folder / "mine.txt"), store_dir=folder, out=folder / "run", **SMALL))
    yield folder
    gc.collect()


@pytest.fixture
def figures(made, capsys):
    """`figures(**flags)`: what is printed. Each has a name, bits per character and, but for the plain one, a rule."""

    def figures(**flags):
        capsys.readouterr()
        evaluate.main(Config(**{"text": made / "other.txt", "run": made / "run", **flags}))
        return [(name, float(bits), rule) for name, bits, rule in LINE.findall(capsys.readouterr().out)]

    return figures


@pytest.mark.parametrize("split", ["valid", "test"])
def test_a_split_of_the_runs_own_text_has_the_figure_of_its_results(made, figures, split):
    said = json.loads((made / "run" / "results.json").read_text())["scores"][split]["bits_per_char"]
    ((name, bits, _),) = figures(text=None, split=split)
    assert (name, bits) == ("text", pytest.approx(said, abs=5e-5))


@pytest.mark.parametrize("changes", [{"text": None}, {"split": "test"}])
def test_there_is_one_text_to_score(figures, changes):
    with pytest.raises(InputError, match="give either --text FILE or --split"):
        figures(**changes)


def test_a_split_of_another_text_is_refused(made, figures):
    mine = made / "mine.txt"
    before = mine.read_text()
    mine.write_text(before[::-1])
    with pytest.raises(InputError, match="is not the text that the run was trained on: restore it"):
        figures(text=None, split="test")
    mine.write_text(before)


def test_the_plain_figure_comes_first_and_is_what_it_is_alone(figures):
    (alone,) = figures()
    both = figures(dynamic=1.0, dynamic_decay=0.001, dynamic_length=8, cache=200, cache_theta=2.0, cache_lambda=0.3)
    assert both[0] == alone
    assert [(name, rule) for name, _, rule in both] == [
        ("text", ""),
        ("dynamic evaluation, SGD", "rate 1, decay 0.001, segments of 8 tokens"),
        ("continuous cache", "window of 200 tokens, theta 2, lambda 0.3"),
    ]
    assert both[1][1] < 0.8 * alone[1]
    assert both[2][1] < 0.95 * alone[1]


def test_with_no_strength_the_extra_figures_are_the_plain_one(made):
    """Of one stream, where the plain one is of 32 with burn-in: the last digits differ."""
    trained = read_trained(made / "run", best=False)
    tokens = encode(trained.tokenizer, open_text(made / "other.txt"))
    plain = Scorer(trained.model, trained.tokenizer).score(trained.params, tokens)
    trained = trained._replace(params=jax.device_put(trained.params))  # they are there for both figures
    nothing = Extras(dynamic=0.0, dynamic_decay=0.5, cache=10, cache_lambda=0.0)
    figures = list(extra_scores(nothing, trained, tokens))
    assert len(figures) == 2
    for figure in figures:
        assert figure.score == plain._replace(nats=pytest.approx(plain.nats, rel=1e-4))


def test_the_rms_rule_reads_the_training_text(made, figures):
    (_, plain, _), (name, bits, rule) = figures(dynamic=0.001, dynamic_decay=0.01, dynamic_rms=True)
    assert (name, rule) == ("dynamic evaluation, RMS", "rate 0.001, decay 0.01, segments of 20 tokens")
    assert bits < 0.9 * plain
    text = (made / "mine.txt").read_text()
    (made / "mine.txt").write_text(text.replace("Sunny", "Rainy"))
    try:
        with pytest.raises(InputError, match="is not the text that the run was trained on: restore it"):
            figures(dynamic=0.001, dynamic_rms=True)
    finally:
        (made / "mine.txt").write_text(text)


def test_the_training_text_is_looked_for_where_it_is_now(figures, monkeypatch, tmp_path):
    looked, load = [], run_folder.load_corpus
    monkeypatch.setattr(run_folder, "load_corpus", lambda name, folder: looked.append(folder) or load(name, folder))
    figures(dynamic=0.001, dynamic_rms=True, data_dir=tmp_path)
    figures(text=None, split="valid", data_dir=tmp_path)
    assert looked == [tmp_path, tmp_path]


def test_a_segment_is_at_most_the_text_and_surprisals_stay_plain(figures, tmp_path):
    (_, plain, _), (_, bits, rule) = figures(dynamic=9.0, dynamic_length=10**9, per_token=tmp_path / "bits.tsv")
    assert rule.endswith("segments of 1320 tokens")
    assert bits == pytest.approx(plain, abs=2e-4)  # it has no segment to learn from before the only one
    lines = (tmp_path / "bits.tsv").read_text().splitlines()[1:]
    assert np.mean([float(line.split("\t")[1]) for line in lines]) == pytest.approx(plain, abs=1e-4)


def test_learning_that_diverges_is_said_behind_the_plain_figure(made, capsys):
    with pytest.raises(InputError, match=r"the nats are not finite at token \d+: use a smaller --dynamic$"):
        evaluate.main(Config(text=made / "other.txt", run=made / "run", dynamic=1e38))
    assert [name for name, *_ in LINE.findall(capsys.readouterr().out)] == ["text"]


BAD = {
    "--dynamic=-0.1": "--dynamic is -0.1 and must be 0 or more, and finite",
    "--dynamic=nan": "--dynamic is nan and must be 0 or more, and finite",
    "--dynamic=inf": "--dynamic is inf and must be 0 or more, and finite",
    "--dynamic=0.1 --dynamic-decay=1.5": "--dynamic-decay is 1.5 and must be at most 1",
    "--dynamic=0.1 --dynamic-decay=-1": "--dynamic-decay is -1.0 and must be 0 or more, and finite",
    "--dynamic=0.1 --dynamic-length=0": "--dynamic-length is 0 and must be above zero and finite",
    "--dynamic-decay=0.1": "--dynamic-decay needs --dynamic",
    "--dynamic-rms": "--dynamic-rms needs --dynamic",
    "--cache=0": "--cache is 0 and must be above zero and finite",
    "--cache=-5": "--cache is -5 and must be 0 or more, and finite",
    "--cache=9 --cache-theta=1e300": "--cache-theta is 1e+300 and must be 0 or more, and finite in float32",
    "--cache=9 --cache-theta=nan": "--cache-theta is nan and must be 0 or more, and finite",
    "--cache=9 --cache-lambda=1": "--cache-lambda is 1.0 and must be below 1",
    "--cache-lambda=0.2": "--cache-lambda needs --cache",
    "--cache=many": "",
}


@pytest.mark.parametrize("flags", BAD)
def test_a_bad_value_is_one_line_and_exit_2(made, flags, monkeypatch, capsys):
    words = ["evaluate", "--run", made / "run", "--text", made / "other.txt", *flags.split()]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    monkeypatch.setattr("experiments.shell.signal.signal", lambda *_: None)
    with pytest.raises(SystemExit) as stopped:
        run(evaluate.main, Config, None)
    out, error = capsys.readouterr()
    assert (stopped.value.code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("error: ")
    assert BAD[flags] in error


def test_the_whole_text_is_read_as_one_stream(made):
    """A model that learned the first half has the second one by heart: halves apart cost more."""
    trained = read_trained(made / "run", best=False)
    tokens = encode(trained.tokenizer, open_text(made / "other.txt"))
    half = tokens._replace(ids=tokens.ids[:660])
    extras = Extras(dynamic=1.0)
    whole, part = (dynamic_score(extras, trained, some, 20).nats for some in (tokens, half))
    assert whole - part < 0.9 * part
