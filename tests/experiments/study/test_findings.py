"""What is made of records whose answers are known."""

import numpy as np
import pytest

from charrnn_jax.io.corpora import Corpus
from charrnn_jax.text.texts import StringText
from experiments.measures import agreement, controlled
from experiments.measures.nonsense import known_words
from experiments.study.answers import controlled_rows, nonsense
from experiments.study.contender import prepare
from experiments.study.findings import bits_of_documents, differences, training_speed, writing_speed
from experiments.study.readings import Exam
from experiments.study.terms import Terms

TEXT = "one two\nthree four five\nsix\n"
BORDERS = np.array([0, 8, 24])
CHARS = np.array([8, 16, 4])


@pytest.fixture
def exam():
    text = StringText(TEXT)
    items = [agreement.Item(n, "the law is", "the law are") for n in (0, 1, 0, 1)]
    return Exam(Corpus("c", text, text, text), BORDERS, [], np.zeros((0, 2), np.int64), [], items, (0, 0))


@pytest.fixture
def contender():
    text = StringText("the cat sat on the mat and so did I\n" * 400)
    (char,) = prepare(Corpus("cats", text, text, text), Terms(contenders=("char",), parameters=20_000, batch_size=2))
    return char


def record(bits, **more):
    """A model that pays so many bits for each character, in each document."""
    return {"document_nats": (bits * CHARS * np.log(2)).tolist(), **more}


def test_identical_models_do_not_differ(exam):
    one = [record(2.0), record(3.0), record(2.5)]
    found = differences({"char": one, "word": one}, exam, np.random.default_rng(0))["char-word"]
    assert found["estimate"] == 0
    assert found["low"] <= 0 <= found["high"]


def test_a_model_that_pays_half_a_bit_more_everywhere_does(exam):
    found = differences({"char": [record(2.0)], "word": [record(2.5)]}, exam, np.random.default_rng(0))["char-word"]
    assert list(found.values()) == pytest.approx([0.5, 0.5, 0.5])


def test_bits_are_over_the_characters_of_the_raw_text(exam):
    assert bits_of_documents([record(2.0), record(4.0)], exam).value == pytest.approx(3.0)


def test_a_seed_that_diverged_is_left_out(exam):
    diverged = {"document_nats": None}
    found = differences({"char": [diverged], "word": [record(2.5)]}, exam, np.random.default_rng(0))
    assert found == {}


def test_a_writer_of_known_words_invents_none(exam):
    samples = {"1.0": ["one two three ", "six, four! "]}
    known = known_words(frozenset(), TEXT, None, exam.documents)
    found = nonsense([{"samples": samples}], exam, known, np.random.default_rng(0))
    assert found["1.0"]["rate"] == 0
    assert found["1.0"]["words"] == 5


def test_accuracy_is_by_distance_and_over_seeds():
    items = [controlled.Item(distance, 5 * distance, "", 0) for distance in (1, 1, 8, 8)]
    rows = controlled_rows([[True, True, True, False], [True, True, False, False]], items, np.random.default_rng(0))
    found = [(row["distance_words"], row["distance_chars"], row["accuracy"]) for row in rows]
    assert found == [(1, 5, 1), (8, 40, 0.25)]


def test_the_speed_of_training_is_of_the_text_that_is_read(contender):
    model = {"seeds": [{"curve": [{"step": 4, "seconds": 1e9}]}]}
    found = training_speed(model, contender, {"estimate": 0.5})
    T, B = contender.schedule.length, contender.schedule.batch_size
    assert found["train_chars_per_second"] == pytest.approx(contender.chars_per_token * T * B / 0.5)
    assert found["seeds"][0]["curve"][0]["seconds"] == 2


@pytest.mark.parametrize(("chars_per_token", "speed"), [(3.0, 120.0), (None, None)])
def test_the_speed_of_writing_is_of_the_text_that_is_written(chars_per_token, speed):
    found = writing_speed({"written_chars_per_token": chars_per_token}, 10, {"estimate": 0.25})
    assert found["generation_chars_per_second"] == speed
