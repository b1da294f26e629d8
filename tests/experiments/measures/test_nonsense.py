import json

import numpy as np
import pytest

from experiments.dictionary import read_dictionary
from experiments.measures.nonsense import known_words, nonsense_in_documents, nonsense_in_samples

TRAIN = "The nation's congress met. The Senate voted, and the President vetoed the bill."
VALID = "Gentlemen of the Senate."
DOCUMENTS = ["The bill of Tecumseh, Tecumseh's bill.", "A bill that governments veto in Oneida.", "Of Oneida."]
KNOWN = known_words({"governments", "veto", "that", "a", "in"}, TRAIN, VALID, DOCUMENTS)


def rng():
    return np.random.default_rng(0)


def test_a_sampler_of_known_words_writes_no_nonsense():
    words = [*TRAIN.split(), *VALID.split(), *" ".join(DOCUMENTS).split(), "governments", "nation’s", "A"]
    samples = [[" ".join(rng().choice(words, 200)) + " x" for _ in range(5)] for _ in range(2)]
    found = nonsense_in_samples(samples, KNOWN, rng())
    assert (found.rate, found.low, found.high) == (0, 0, 0)
    assert found.words == 2000
    assert found.inventions == []


def test_a_sampler_that_invents_every_fourth_word_is_found_out():
    samples = [["the senate voted congrate " * 50, "the bill met vetoning. " * 50]]
    found = nonsense_in_samples(samples, KNOWN, rng())
    assert found.rate == found.low == found.high == 0.25
    assert found.inventions == [("congrate", 50), ("vetoning", 50)]
    assert found.raw == {"numerators": [[50, 50]], "denominators": [[200, 200]]}


@pytest.mark.parametrize(
    ("sample", "words"), [("the sena", 1), ("the senate ", 2), ("the senate.", 1), ("sena", 0), ("the senate\n", 2)]
)
def test_the_word_that_the_end_of_a_sample_cuts_is_left_out(sample, words):
    found = nonsense_in_samples([[sample, "the bill "]], KNOWN, rng())
    assert found.words == words + 2
    assert found.rate == 0


def test_the_floor_is_of_each_document_against_all_the_others():
    """Tecumseh is in one document only, there twice; Oneida in two, which vouch for each other."""
    found = nonsense_in_documents(DOCUMENTS, KNOWN, rng())
    assert found.inventions == [("tecumseh", 2)]
    assert found.raw == {"numerators": [[2, 0, 0]], "denominators": [[6, 7, 2]]}
    assert found.rate == 2 / 15
    assert found.low == 0 < found.rate < found.high


def test_a_sample_is_judged_against_the_held_out_documents_too():
    assert nonsense_in_samples([["Tecumseh Oneida x"]], KNOWN, rng()).rate == 0


def test_a_validation_text_that_repeats_the_held_out_text_vouches_for_nothing():
    known = known_words(set(), TRAIN, None, DOCUMENTS)
    assert "tecumseh" in dict(nonsense_in_documents(DOCUMENTS, known, rng()).inventions)


def test_no_words_have_no_rate():
    found = nonsense_in_samples([["1790 -- !"], ["..."]], KNOWN, rng())
    assert (found.rate, found.low, found.high, found.words, found.raw) == (None, None, None, 0, None)
    assert set(found.novelty.values()) == {None}


def test_the_record_is_plain_json():
    found = nonsense_in_samples([["the congrate bill "]], KNOWN, rng())._asdict()
    assert json.loads(json.dumps(found))["inventions"] == [["congrate", 1]]


def test_the_english_dictionary_has_inflected_forms_and_no_nonsense():
    english = read_dictionary()
    assert {"governments", "vetoed", "wrote", "children", "reorganized", "don't", "kansas"} <= english
    assert not {"submandration", "congrate", "governmention", "presidentary"} & english
    assert len(english) > 100_000


def test_a_dictionary_of_the_users_own(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("Straße\nl'été\nnaïve\n", "utf-8")
    assert read_dictionary(path) == {"straße", "l'été", "naïve"}
