"""Subject-verb agreement across attractors: nouns of the other number between a subject and its verb.

After Linzen, Dupoux and Goldberg (2016), "Assessing the Ability of LSTMs to Learn Syntax-Sensitive Dependencies",
with templates as in Marvin and Linzen (2018), "Targeted Syntactic Evaluation of Language Models", filled with words
of the training text: `The law of the states of the nations is`. A model is right where this string, with a space
behind it, is more probable to it than the one with the other form of the verb. Chance is one half: subjects are
singular and plural by turns.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from charrnn_jax.errors import InputError
from experiments.measures.reader import Reader
from experiments.measures.whole_strings import nats_before_space

NOUNS = """
    state law nation year company/companies share bank price king lord man/men woman/women child/children brother friend
    son daughter father mother word hand eye heart soul day night hour time tear name lady/ladies country/countries
    army/armies city/cities duty/duties treaty/treaties citizen government power right interest court minister officer
    soldier ship vessel port river land house member president governor judge senator act bill question report system
    measure plan program service tax/taxes fund debt bond stock market investor trader analyst dealer rate loan contract
    agency/agencies industry/industries business/businesses product plant worker employee manager executive director
    lawyer firm unit group union team office store sale cost loss/losses profit gain problem issue decision proposal
    offer job school farmer family/families enemy/enemies prince duke subject sword grave crown horse tongue face lip
    arm foot/feet tooth/teeth wife/wives life/lives servant gentleman/gentlemen maid neighbor neighbour traitor villain
    fool knave joy sorrow dream deed fault sin oath prayer curse blessing gift battle war weapon drum stranger cousin
    uncle kinsman/kinsmen noble flower tree field mountain road letter book line part place thing way reason cause
    effect example case fact change point view goal
"""
"""Common nouns of addresses, newspapers and plays; the plural is written where it is not the singular and s."""
VERBS = (("is", "are"), ("was", "were"), ("has", "have"))
MOST_ATTRACTORS = 3


class Item(NamedTuple):
    """Two sentences up to the verb, that differ in its form."""

    attractors: int
    right: str
    wrong: str


class Lexicon(NamedTuple):
    """What the templates are filled with: singular and plural."""

    article: str
    nouns: list[tuple[str, str]]
    verbs: list[tuple[str, str]]


def lexicon_of(train: str, least: int = 10) -> Lexicon:
    """The words of which both forms are in the training text at least that many times.

    Raises InputError where it has too few to fill a template: it is no English, or too short.
    """
    counts = Counter(re.findall(r"\w+", train))
    written = [noun.split("/") for noun in NOUNS.split()]
    pairs = [(forms[0], forms[1] if len(forms) == 2 else f"{forms[0]}s") for forms in written]
    nouns, verbs = ([pair for pair in of if min(counts[form] for form in pair) >= least] for of in (pairs, VERBS))
    if len(nouns) <= MOST_ATTRACTORS or not verbs or min(counts["of"], counts["the"]) < least:
        raise InputError("the text has too few common English nouns to measure agreement: give a longer English text")
    return Lexicon("The" if counts["The"] >= least else "the", nouns, verbs)


def choose_items(lexicon: Lexicon, rng: np.random.Generator, count: int = 300) -> list[Item]:
    """`count` sentences for each number of attractors from 0 to 3: the same ones with more and more between.

    Half of the subjects are plural, and the nouns of a sentence are different ones.
    """
    items = []
    for n in range(count):
        plural = n % 2
        nouns = rng.choice(len(lexicon.nouns), MOST_ATTRACTORS + 1, replace=False).tolist()
        subject, *attractors = [lexicon.nouns[i] for i in nouns]
        verb = lexicon.verbs[int(rng.integers(len(lexicon.verbs)))]
        for between in range(MOST_ATTRACTORS + 1):
            phrases = "".join(f" of the {attractor[1 - plural]}" for attractor in attractors[:between])
            start = f"{lexicon.article} {subject[plural]}{phrases}"
            items.append(Item(between, f"{start} {verb[plural]}", f"{start} {verb[1 - plural]}"))
    return items


def agreement(reader: Reader, items: Sequence[Item]) -> Float64[np.ndarray, "I"]:
    """By how many nats each right sentence is more probable than the wrong one: above zero, the model is right."""
    nats = nats_before_space(reader, [string for item in items for string in (item.right, item.wrong)])
    return nats[1::2] - nats[::2]
