from dataclasses import replace

import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.parameters import count_parameters
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.tokenizer import train_tokenizer
from charrnn_jax.text.tokens import encode
from experiments.study.terms import Terms, contenders_of, form_of, models_of, share_out

TEXT = StringText("The cat sat on the mat, and so did I. " * 3_000)


@pytest.mark.parametrize("cell", ["elman", "gru", "lstm"])
@pytest.mark.parametrize("largest", [81, 2_123, 10_000, 23_171])
def test_equal_parameters_are_equal_within_one_percent(cell, largest):
    terms = Terms(parameters=2_000_000, cell=cell)
    models = models_of({"byte": 256, "char": 121, "word": largest}, terms)
    totals = [count_parameters(model).total for model in models.values()]
    assert max(totals) <= 1.01 * min(totals)
    assert totals == [pytest.approx(2_000_000, rel=0.05)] * 3


def test_a_budget_that_cannot_be_met_is_said():
    with pytest.raises(InputError, match=r"does not fit .* --parameters"):
        models_of({"char": 121, "word": 1_000_000}, Terms(parameters=100_000))


def test_equal_hidden_size():
    models = models_of({"char": 121, "word": 6_000}, Terms(size="hidden", parameters=400_000))
    assert models["char"].hidden_size == models["word"].hidden_size
    assert count_parameters(models["char"]).total == pytest.approx(400_000, rel=0.01)


def prepared(terms):
    forms = {name: form_of(name, False, terms) for name in terms.contenders}
    tokenizers = {name: train_tokenizer(form.kind, TEXT, form.pieces) for name, form in forms.items()}
    tokens = {name: encode(tokenizer, TEXT) for name, tokenizer in tokenizers.items()}
    return share_out(contenders_of(forms, tokenizers, tokens, terms), terms)


@pytest.mark.parametrize("budget", ["chars", "compute"])
def test_the_budget_is_the_same_for_all(budget):
    contenders = prepared(Terms(parameters=100_000, chars=300_000, batch_size=4, budget=budget))
    chars = [
        each.schedule.steps * each.schedule.batch_size * each.schedule.length * each.chars_per_token
        for each in contenders
    ]
    spent = [each.flops_per_char * read for each, read in zip(contenders, chars, strict=True)]
    equal, other = (spent, chars) if budget == "compute" else (chars, spent)
    assert max(equal) < 1.05 * min(equal)
    assert max(other) > 1.1 * min(other)


def test_the_span_is_the_same_in_characters():
    for each in prepared(replace(Terms(), contenders=("char", "word", "byte"), batch_size=4)):
        assert each.schedule.length * each.chars_per_token == pytest.approx(128, rel=0.05)


def test_a_contender_of_no_known_name_is_said():
    with pytest.raises(InputError, match="no contender is called 'syllable'"):
        form_of("syllable", False, Terms())
