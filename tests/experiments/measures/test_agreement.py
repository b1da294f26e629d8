import re

import jax
import numpy as np
import pytest

from charrnn_jax.errors import InputError
from charrnn_jax.model import LanguageModel, init_params
from charrnn_jax.text.byte import ByteTokenizer
from charrnn_jax.text.char import train_char
from charrnn_jax.text.closed_word import train_closed_word
from charrnn_jax.text.texts import StringText
from charrnn_jax.text.word import train_word
from experiments.measures.agreement import VERBS, agreement, choose_items, lexicon_of
from experiments.measures.reader import reader_of
from experiments.measures.whole_strings import nats_before_space
from tests.experiments.measures.fakes import fake_reader

NUMBER = {"state": 0, "states": 1, "man": 0, "men": 1, "law": 0, "laws": 1, "wife": 0, "wives": 1, "city": 0, "cities": 1}
TRAIN = " ".join(["The island of the", *NUMBER, *(form for pair in VERBS for form in pair), "\n"]) * 10
TOKENIZERS = {"char": train_char, "word": lambda text: train_word(text, 100), "closed": train_closed_word}


@pytest.fixture(scope="module")
def items():
    return choose_items(lexicon_of(TRAIN), np.random.default_rng(0), count=20)


def verbs_after(which):
    """A reader who believes in the verb forms that agree with one of the nouns: the first, or the last before."""

    def believe(read):
        *words, last = re.split(" ", read.removeprefix("\n"))
        nouns = [word for word in words if word in NUMBER]
        if not nouns and last not in NUMBER:
            return {}
        form = [pair[NUMBER[(nouns or [last])[0] if which == "first" else (nouns or [last])[-1]]] for pair in VERBS]
        return {verb[len(last)]: 1.0 for verb in form if nouns and verb.startswith(last) and verb != last}

    return believe


def whole_verbs_after(which):
    def believe(read):
        nouns = [word for word in re.findall(r"\w+", read) if word in NUMBER]
        return {f" {pair[NUMBER[nouns[0 if which == 'first' else -1]]]}": 1.0 for pair in VERBS} if nouns else {}

    return believe


@pytest.mark.parametrize(("which", "across"), [("first", 1.0), ("last", 0.0)])
@pytest.mark.parametrize("kind", ["char", "word", "closed"])
def test_who_knows_the_subject_is_always_right_and_who_knows_the_last_noun_only_without_attractors(
    kind, which, across, items
):
    tokenizer = TOKENIZERS[kind](StringText(TRAIN))
    believe = verbs_after(which) if kind == "char" else whole_verbs_after(which)
    if kind == "closed":
        spaced = believe
        believe = lambda read: {verb.strip(): weight for verb, weight in spaced(read).items()}  # noqa: E731
    margins = agreement(fake_reader(tokenizer, believe), items)
    number = np.array([item.attractors for item in items])
    assert np.mean(margins[number == 0] > 0) == 1.0
    for attractors in (1, 2, 3):
        assert np.mean(margins[number == attractors] > 0) == across


def test_who_knows_nothing_is_right_half_of_the_time(items):
    reader = fake_reader(train_word(StringText(TRAIN), 100), lambda _: {" is": 3.0, " was": 2.0, " have": 2.0})
    assert np.mean(agreement(reader, items) > 0) == 0.5


def test_the_items(items):
    assert items == choose_items(lexicon_of(TRAIN), np.random.default_rng(0), count=20)
    assert items != choose_items(lexicon_of(TRAIN), np.random.default_rng(1), count=20)
    assert [item.attractors for item in items] == [0, 1, 2, 3] * 20
    plural = 0
    for item in items:
        nouns = [word for word in item.right.split() if word in NUMBER]
        assert len(nouns) == item.attractors + 1 == len({word[:2] for word in nouns})
        assert all(NUMBER[noun] != NUMBER[nouns[0]] for noun in nouns[1:])
        right, wrong = item.right.split()[-1], item.wrong.split()[-1]
        assert (right, wrong) in [pair[:: -1 if NUMBER[nouns[0]] else 1] for pair in VERBS]
        assert re.fullmatch(r"The \w+( of the \w+)* \w+", item.right)
        assert item.right.removesuffix(right) == item.wrong.removesuffix(wrong)
        plural += NUMBER[nouns[0]]
    assert plural == len(items) // 2


def test_the_words_are_those_of_the_text():
    lexicon = lexicon_of(TRAIN.replace("The", "Thus") + "king kings " * 9)
    assert lexicon.article == "the"
    assert {form for pair in lexicon.nouns for form in pair} == set(NUMBER)
    assert lexicon_of(TRAIN.replace("has", "hath")).verbs == [("is", "are"), ("was", "were")]


@pytest.mark.parametrize("train", ["", TRAIN.replace(" of ", " "), "state states is are of the " * 20, "à la carte " * 99])
def test_a_text_without_the_words(train):
    with pytest.raises(InputError, match="give a longer English text"):
        lexicon_of(train)


@pytest.mark.parametrize("kind", ["char", "word", "byte"])
def test_whole_strings_cost_their_tokens_and_what_begins_with_a_space(kind):
    tokenizer = ByteTokenizer() if kind == "byte" else TOKENIZERS[kind](StringText(TRAIN))
    model = LanguageModel(tokenizer.vocab_size, 8, 8)
    reader = reader_of(model, tokenizer, init_params(model, jax.random.key(0)))
    text = "The states of the men"
    ids = np.append(tokenizer.start_id, tokenizer.encode(text)).astype(np.int32)[:, None]
    row = np.exp(reader.after(ids, np.array([len(ids) - 1], np.int32))[0])
    spaced = [i for i in range(tokenizer.vocab_size) if tokenizer.decode(np.array([i])).startswith(" ")]
    expected = reader.nats(ids[:-1], ids[1:]).sum() - np.log(row[spaced].sum())
    np.testing.assert_allclose(nats_before_space(reader, ["to be", text])[1], expected, rtol=1e-5)
