"""The controlled language as a text of its own, and small models that learn it."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from charrnn_jax.io.corpora import Corpus
from charrnn_jax.text.texts import StringText
from experiments.measures.controlled import Item, Language, choose_items, language_of, recalled, sentences
from experiments.measures.reader import reader_of
from experiments.study.contender import prepare, trained
from experiments.study.presets import COMPARED
from experiments.study.terms import Contender, Terms

PARAMETERS = 100_000
BATCH_SIZE = 16


class Toy(NamedTuple):
    """The language, the sentences to finish, and the models that learn it."""

    corpus: Corpus
    language: Language
    items: list[Item]
    terms: Terms
    contenders: dict[str, Contender]


def toy_of(terms: Terms) -> Toy:
    """On the terms of the study, with small models that see each sentence once; the language is always the same."""
    rng = np.random.default_rng(0)
    language = language_of(rng)
    train, valid = (StringText(sentences(language, rng, n)) for n in (terms.controlled_chars, terms.curve_chars))
    names = tuple(name for name in COMPARED if name in terms.contenders)
    shape = {"contenders": names, "parameters": PARAMETERS, "batch_size": BATCH_SIZE, "chars": terms.controlled_chars}
    small = replace(terms, **shape, size="parameters", budget="chars", pieces=1_000, points=2)
    corpus = Corpus("controlled", train, valid, valid)
    contenders = prepare(corpus, small)
    return Toy(corpus, language, choose_items(language, rng), small, {each.name: each for each in contenders})


def recall(toy: Toy, name: str, seed: int, out: Path) -> list[bool] | None:
    """Trains that model from the seed, or goes on with that: which of the items it then finishes right.

    None if it diverged.
    """
    contender = toy.contenders[name]
    trainer, _, diverged, _ = trained(contender, toy.corpus, toy.terms, seed, out)
    if diverged:
        return None
    reader = reader_of(trainer.model, trainer.tokenizer, trainer.params)
    return recalled(reader, toy.language, toy.items).tolist()
