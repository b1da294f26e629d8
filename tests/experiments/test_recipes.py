import gc
import os
from dataclasses import replace

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import load
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.streams import fold_streams, with_drawn_lengths
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import train_tokenizer
from charrnn_jax.text.tokens import encode
from experiments.fit import Trainer
from experiments.recipes import NAMES, module_of, recipe, table_of_recipes
from experiments.run_check import check
from experiments.run_config import model_of, schedule_of
from experiments.schedule import learning_rate
from experiments.shell import console
from tests.corpora_folder import FOLDER, needs_corpora

SIZES = {} if "CHARRNN_SMOKE" in os.environ else {"embed_size": 16, "hidden_size": 16}
TEXT = StringText("sunny days are the best days to go for a walk \n" * 20)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_trains(name):
    """Two steps on a slice of text, in few and short windows: small, or at its size (`make smoke-recipes`)."""
    check(recipe(name))
    config = replace(recipe(name), batch_size=2, length=8, steps=2, **SIZES)
    tokenizer = train_tokenizer(config.tokenizer, TEXT, config.pieces)
    trainer = Trainer(model_of(config, tokenizer), tokenizer, encode(tokenizer, TEXT), schedule_of(config), 0)
    before = jax.tree.map(np.array, trainer.state.params["layer_0"])
    assert np.isfinite([trainer.take_step(n) for n in range(2)]).all()
    moved = jax.tree.map(lambda was, now: bool((was != now).any()), before, trainer.state.params["layer_0"])
    assert all(jax.tree.leaves(moved))
    del trainer, before
    gc.collect()


@needs_corpora
@pytest.mark.parametrize(
    "name", [name for name in NAMES if hasattr(module_of(name), "PASS") and recipe(name).corpus != "enwik8"]
)
def test_a_pass_is_as_many_windows_as_the_recipe_says(name):
    config = recipe(name)
    text = load(config.corpus, FOLDER).train
    tokenizer = train_tokenizer(config.tokenizer, text, config.pieces)
    streams = fold_streams(encode(tokenizer, text).ids, 0, config.batch_size, config.length)
    if config.random_length:
        streams = with_drawn_lengths(streams, config.seed, config.steps)
    assert streams.mean_windows == pytest.approx(module_of(name).PASS, abs=1 if config.random_length else 0)


SECOND_BIASES = {  # PyTorch's LSTM has a second bias in each gate of each unit, which adds nothing to what it can say
    "awd_ptb": 4 * (2 * 1150 + 400),
    "awd_wikitext2": 4 * (2 * 1150 + 400),
    "awd_ptb_char": 4 * (2 * 1000 + 200),
    "awd_enwik8": 4 * (2 * 1840 + 400),
    "char_rnn_2x128": 4 * 2 * 128,
    "char_rnn_3x512": 4 * 3 * 512,
}


@pytest.mark.parametrize(
    ("name", "vocab_size", "millions"),
    [
        ("zaremba_small", 10_000, "4.65"),
        ("zaremba_medium", 10_000, "20"),
        ("zaremba_large", 10_000, "66"),
        ("awd_ptb", 10_000, "24.22"),
        ("awd_wikitext2", 33_278, "33.56"),
        ("awd_ptb_char", 50, "13.79"),
        ("awd_enwik8", 205, "47.27"),
        ("mogrifier_ptb", 10_000, "24"),
        ("mogrifier_ptb_char", 50, "24"),
        ("char_rnn_2x128", 65, "0.24"),
        ("char_rnn_3x512", 65, "5.42"),
    ],
)
def test_the_parameters_are_as_many_as_published(name, vocab_size, millions):
    """At the vocabulary that was published: of characters ours has 16 more."""
    model = model_of(recipe(name), train_tokenizer("char", TEXT, 1)).clone(vocab_size=vocab_size)
    places = len(millions.partition(".")[2])
    assert f"{(count_parameters(model).total + SECOND_BIASES.get(name, 0)) / 1e6:.{places}f}" == millions


@pytest.mark.parametrize(("name", "vocab_size"), [("mogrifier_ptb", 10_000), ("mogrifier_ptb_char", 66)])
def test_mogrifiers_are_the_largest_that_their_budget_allows(name, vocab_size):
    """At the vocabulary that they train with."""
    fits = model_of(recipe(name), train_tokenizer("char", TEXT, 1)).clone(vocab_size=vocab_size)
    larger = fits.clone(embed_size=fits.embed_size + 1, hidden_size=fits.hidden_size + 1)
    assert count_parameters(fits).total <= 24_000_000 < count_parameters(larger).total


def test_a_recipe_that_is_not_there_is_refused_with_the_names_of_those_that_are():
    with pytest.raises(InputError, match=r"there is no recipe 'zaremba': use one of .*zaremba_small"):
        recipe("zaremba")


def test_the_table_names_every_recipe(capsys):
    console.print(table_of_recipes())
    shown = capsys.readouterr().out
    assert all(name in shown for name in NAMES)


@pytest.mark.parametrize(
    ("name", "flat", "passes", "by"),
    [("zaremba_small", 4, 13, 2), ("zaremba_medium", 6, 39, 1.2), ("zaremba_large", 14, 55, 1.15)],
)
def test_zarembas_rate_falls_before_each_pass_after_the_flat_ones(name, flat, passes, by):
    config, windows = recipe(name), module_of(name).PASS
    rate = learning_rate(schedule_of(config))
    by_pass = [float(rate(n * windows)) / config.length for n in range(passes)]
    np.testing.assert_allclose(by_pass, [1] * flat + [by**-n for n in range(1, passes - flat + 1)], rtol=1e-5)
    assert float(rate(flat * windows - 1)) == config.length
    assert config.steps == passes * windows


@pytest.mark.parametrize(
    ("name", "length", "clip", "weight_decay"),
    [
        ("zaremba_small", 20, 5.0, 0.0),
        ("zaremba_medium", 35, 5.0, 0.0),
        ("zaremba_large", 35, 10.0, 0.0),
        ("char_rnn_2x128", 50, 5.0, 0.0),
        ("char_rnn_3x512", 50, 5.0, 0.0),
        ("mogrifier_ptb", 70, 10.0, 2.5e-4),
        ("mogrifier_ptb_char", 150, 10.0, 2.6e-4),
    ],
)
def test_what_is_published_for_a_loss_summed_over_time_is_divided_by_it(name, length, clip, weight_decay):
    config = recipe(name)
    assert (config.length, config.clip * length) == (length, pytest.approx(clip))
    assert config.weight_decay * length == pytest.approx(weight_decay)
    assert config.optimizer != "sgd" or config.learning_rate == length


def test_the_mogrifiers_masks_are_drawn_at_every_step_and_characters_have_output_weights_of_their_own():
    words, chars = recipe("mogrifier_ptb"), recipe("mogrifier_ptb_char")
    assert (words.locked, words.tied) == (False, True)
    assert (chars.locked, chars.tied) == (False, False)
