"""What is read off one trained model: its record."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from charrnn_jax.errors import InputError
from charrnn_jax.io.corpora import Corpus
from charrnn_jax.metrics import Score
from charrnn_jax.model import init_params
from charrnn_jax.sampling import Filters
from charrnn_jax.text.tokenizer import Tokenizer
from charrnn_jax.text.tokens import Tokens, encode
from experiments.fit import Trainer, split_seed, write_samples
from experiments.json_files import Shape
from experiments.measures.agreement import Item, agreement, choose_items, lexicon_of
from experiments.measures.closers import Closer, closer_probabilities, find_closers
from experiments.measures.context import choose_segments, context_sizes, context_use
from experiments.measures.embeddings import (
    character_map,
    embedding_of,
    frequent_characters,
    frequent_words,
    neighbour_record,
)
from experiments.measures.passage import surprisal
from experiments.measures.reader import reader_of
from experiments.measures.vocabulary import token_starts
from experiments.study.terms import Terms

HELD_OUT = ("valid", "test")
FIGURES = ("bits_per_char", "perplexity_per_token", "perplexity_per_word", "denominators")
SAMPLE = 1_000
"""Characters of a sample, or about as many."""
BEFORE_PASSAGE = 256
"""Characters that a model reads before the passage."""
SHORTEST_PASSAGE, LONGEST_PASSAGE = 200, 400
WORDS, NEIGHBOURS = 12, 5
CHARACTERS_COUNTED, LEAST_OFTEN = 1_000_000, 100
"""Of the training text, the beginning, and how often a character is there that is shown."""
SEGMENT = 128
"""Characters of a target segment of the use of context, or somewhat more."""
READINGS: dict[str, Shape] = {
    **dict.fromkeys(FIGURES[:3], dict),
    "denominators": dict | None,
    "document_nats": list | None,
    "samples": dict,
    "written_chars_per_token": float | None,
    "context": list | None,
    "closers": list | None,
    "agreement": list | None,
    "passage": list | None,
    "learned": dict | None,
}
"""What is read off a model, and its shape."""
DIVERGED: dict[str, Any] = {
    **dict.fromkeys(READINGS),
    **dict.fromkeys(FIGURES[:3], dict.fromkeys(HELD_OUT)),
    "samples": {},
}
"""The readings of a model whose numbers were no numbers any more."""


class Exam(NamedTuple):
    """What every model is asked."""

    corpus: Corpus
    borders: Int64[np.ndarray, "D"]
    """The characters at which the documents of the test text begin."""
    sizes: list[int]
    segments: Int64[np.ndarray, "S 2"]
    """The contexts, and the targets in the test text, of the use of context; none where the text is too short."""
    closers: list[Closer]
    """In `quoting`."""
    agreement: list[Item]
    passage: tuple[int, int]
    """Where in the test text."""

    @property
    def quoting(self) -> str:
        """The text whose closing brackets and quotes are looked at: in test alone, they are few."""
        return _quoting(self.corpus)

    @property
    def documents(self) -> list[str]:
        """Of the test text."""
        text = self.corpus.test.read()
        ends = [*self.borders[1:].tolist(), len(text)]
        return [text[begin:end] for begin, end in zip(self.borders.tolist(), ends, strict=True)]


def exam_of(corpus: Corpus, tokenizers: Sequence[Tokenizer], terms: Terms) -> Exam:
    """The same questions for all who read with these tokenizers, about the test text."""
    text = corpus.test.read()
    sizes = context_sizes(len(text))
    try:
        segments = choose_segments(text, tokenizers, sizes, terms.context_chars // SEGMENT, SEGMENT)
    except InputError:  # a short text: what cannot be measured on it is left out
        sizes, segments = [], np.zeros((0, 2), np.int64)
    closers, sentences = find_closers(_quoting(corpus), terms.closers), _sentences(corpus, terms.agreement_items)
    borders = corpus.documents
    return Exam(corpus, borders, sizes, segments, closers, sentences, choose_passage(text, borders))


def choose_passage(text: str, borders: Int64[np.ndarray, "D"]) -> tuple[int, int]:
    """The first line of some length in the middle document, up to a white space: no token is cut."""
    begin = int(borders[len(borders) // 2])
    for line in text[begin:].splitlines(keepends=True):
        if len(line) >= SHORTEST_PASSAGE:
            break
        begin += len(line)
    end = begin + min(len(text[begin:].split("\n")[0]), LONGEST_PASSAGE)
    whole = end == len(text) or text[end].isspace()
    return begin, end if whole else begin + len(text[begin:end].rsplit(None, 1)[0])


def _quoting(corpus: Corpus) -> str:
    texts = dict.fromkeys([corpus.valid.read(), corpus.test.read()])  # one may repeat the other
    return "\n\n".join(texts)


def _sentences(corpus: Corpus, count: int) -> list[Item]:
    try:
        return choose_items(lexicon_of(corpus.train.read()), np.random.default_rng(0), count)
    except InputError:  # it is no English
        return []


def read(trainer: Trainer, exam: Exam, terms: Terms, seed: int) -> dict[str, Any]:
    """What a trained model answers, in plain JSON values."""
    tokenizer = trainer.tokenizer
    reader = reader_of(trainer.model, tokenizer, trainer.params)
    text = exam.corpus.test.read()
    begin, end = exam.passage
    return {
        **score(trainer, exam),
        **write(trainer, terms, seed),
        "context": context_use(reader, text, exam.segments, exam.sizes).nats.tolist(),
        "closers": closer_probabilities(reader, exam.quoting, exam.closers).tolist(),
        "agreement": (agreement(reader, exam.agreement) > 0).tolist(),
        "passage": surprisal(reader, text[max(0, begin - BEFORE_PASSAGE) : begin], text[begin:end]),
        "learned": learned(trainer, seed),
    }


def score(trainer: Trainer, exam: Exam) -> dict[str, Any]:
    """What the model pays for validation and test, and for each document of the test text."""
    valid = trainer.evaluate(encode(trainer.tokenizer, exam.corpus.valid))
    test, documents = _by_document(trainer, encode(trainer.tokenizer, exam.corpus.test), exam.borders)
    scores = {"valid": valid, "test": test}
    return {
        **{name: {split: getattr(of, name) for split, of in scores.items()} for name in FIGURES[:3]},
        "denominators": {split: of._asdict() for split, of in scores.items()},
        "document_nats": documents.tolist(),
    }


def _by_document(
    trainer: Trainer, tokens: Tokens, borders: Int64[np.ndarray, "D"]
) -> tuple[Score, Float64[np.ndarray, "D"]]:
    """A token belongs to the document in which it starts."""
    nats = trainer.scorer.surprisal(trainer.params, tokens)
    firsts = np.searchsorted(token_starts(trainer.tokenizer, tokens.ids), borders)
    documents = np.add.reduceat(nats, firsts)
    return Score(float(nats.sum()), len(nats), tokens.words, tokens.chars), documents


def write(trainer: Trainer, terms: Terms, seed: int) -> dict[str, Any]:
    """Samples at each temperature, and the characters that a token of the last has."""
    model, tokenizer, params = trainer.model, trainer.tokenizer, trainer.params
    count, tokens = sample_shape(terms, trainer.chars_per_token)
    samples = {
        str(temperature): write_samples(model, tokenizer, params, seed, count, tokens, Filters(temperature=temperature))
        for temperature in terms.temperatures
    }
    written = sum(map(len, samples[str(terms.temperatures[-1])]))
    return {"samples": samples, "written_chars_per_token": written / (count * tokens)}


def sample_shape(terms: Terms, chars_per_token: float) -> tuple[int, int]:
    """How many texts are written side by side at each temperature, and the tokens of each."""
    tokens = round(min(terms.sample_chars, SAMPLE) / chars_per_token)
    return -(-terms.sample_chars // SAMPLE), max(1, tokens)


def learned(trainer: Trainer, seed: int) -> dict[str, Any]:
    """What training made of the embedding: characters in the plane, and words near words, before and after."""
    tokenizer, ids = trainer.tokenizer, trainer.streams.ids
    params_key, *_ = split_seed(seed)
    before, after = (embedding_of(params) for params in (init_params(trainer.model, params_key), trainer.params))
    words = frequent_words(tokenizer, ids, WORDS)
    near = neighbour_record(tokenizer, before, after, words, NEIGHBOURS) if words else {}
    text = tokenizer.decode(ids[:CHARACTERS_COUNTED])
    try:
        plane = character_map(tokenizer, before, after, frequent_characters(text, LEAST_OFTEN), seed)
    except InputError:  # no two characters of a class
        plane = None
    return {"map": plane, "neighbours": near}
