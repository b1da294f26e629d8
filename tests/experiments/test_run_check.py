"""What no training run can have: one line for each, and what to do about it."""

from dataclasses import replace
from pathlib import Path

import pytest

from charrnn_jax.errors import InputError
from experiments.recipes import recipe
from experiments.run_check import check, check_vocabulary
from experiments.run_config import Config

WORDS = {"tokenizer": "word"}
MOGRIFIER = {"cell": "mogrifier"}
DIRECT = {"input_mode": "direct"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**DIRECT, "embedding_dropout": 0.1}, "--embedding-dropout needs an embedding layer"),
        ({**DIRECT, "input_dropout": 0.1}, "--input-dropout needs an embedding layer"),
        ({**DIRECT, "embed_scale": 0.1}, "--embed-scale needs an embedding layer"),
        ({**DIRECT, **MOGRIFIER}, "a Mogrifier gates its input"),
        ({**MOGRIFIER, "rank": 2**30}, "too large for any machine"),
        ({**MOGRIFIER, "rounds": 1001}, "too large for any machine"),
        ({"components": 900, "embed_size": 2000, "hidden_size": 2000}, "too large for any machine"),
        ({"rounds": 4}, "else they are 5 and None"),
        ({"rank": 4}, "--rounds and --rank are for --cell mogrifier or capped_mogrifier"),
        ({"cell": "qrnn_2", "weight_drop": 0.1}, "a QRNN has no recurrent weights"),
        ({"cell": "qrnn", "state_dropout": 0.1}, "a QRNN has no recurrent weights"),
        ({"cell": "gru", "zoneout_cell": 0.1}, "use --zoneout-hidden"),
        (
            {"cell": "gru", "forget_bias": 1.0},
            "--forget-bias is finite, for --cell lstm and capped_lstm alone: else give --forget-bias None",
        ),
        ({"forget_bias": float("inf")}, "--forget-bias is finite"),
        ({"cutoffs": (5,), "samples": 3, **WORDS}, "--cutoffs and --samples are different softmaxes"),
        ({"cutoffs": (5, 5), **WORDS}, "a list of ids that rises"),
        ({"cutoffs": (5,)}, "--cutoffs needs ids in the order of their frequency"),
        ({"samples": 5, "tokenizer": "byte"}, "--samples needs ids in the order of their frequency"),
        ({"cutoffs": (5,), "tied": True, "embed_size": 256, **WORDS}, "no weights for --tied"),
        ({"components": 2, "label_smoothing": 0.1}, "leave it or --components out"),
        ({"sum_layers": True, "tied": True, "layers": 2}, "--sum-layers adds layers of one size"),
        ({"vectors": Path("v.vec")}, "--vectors needs an embedding of words"),
        ({"vectors": Path("v.vec"), "init_from": Path("run"), **WORDS}, "use one of them"),
        ({"freeze_vectors": True, **WORDS}, "--freeze-vectors needs --vectors FILE"),
        ({"freeze_vectors": True, "vectors": Path("v"), "average_after": 1, **WORDS}, "give --average-after 0"),
        ({"random_length": True, "steps": 10**9}, "plans at most 10,000,000 steps"),
        ({"dropout": float("nan")}, "--dropout is nan"),
        ({"activation": float("inf")}, "--activation is inf"),
    ],
)
def test_what_no_run_can_have_is_said(changes, message):
    with pytest.raises(InputError) as caught:
        check(replace(Config(), **changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {**DIRECT, "dropout": 0.5, "input_dropout": 0.0},
        {**MOGRIFIER, "rank": 300, "sum_layers": True, "layers": 3},
        {"components": 15, "embed_size": 280, "hidden_size": 960},
        {"cell": "qrnn_2", "zoneout_cell": 0.1, **DIRECT},
        {"samples": 10**9, "label_smoothing": 0.1, **WORDS},
    ],
)
def test_what_goes_together_is_let_through(changes):
    check(replace(Config(), **changes))


def test_cutoffs_lie_within_the_vocabulary():
    config = Config(cutoffs=(5, 9), tokenizer="word")
    check_vocabulary(config, 10)
    with pytest.raises(InputError, match="goes to 9, and there are 9 tokens"):
        check_vocabulary(config, 9)


def test_a_recipe_with_another_cell_says_which_of_its_values_has_to_go():
    with pytest.raises(InputError, match="else give --forget-bias None"):
        check(replace(recipe("awd_ptb"), cell="cifg"))
    check(replace(recipe("awd_ptb"), cell="cifg", forget_bias=None))
    with pytest.raises(InputError, match="else they are 5 and None"):
        check(replace(recipe("mogrifier_ptb"), cell="capped_lstm"))
    check(replace(recipe("mogrifier_ptb"), cell="capped_lstm", rank=None))
