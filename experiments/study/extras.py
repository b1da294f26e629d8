"""What is found beside the comparison of trained models: costs by shape, references, the inside of a model."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax

from charrnn_jax.io.corpora import Corpus
from charrnn_jax.model import init_params, score
from experiments.json_files import Shape
from experiments.measures.compression import COMPRESSORS, compress
from experiments.measures.memory import disk_bytes, memory_by_vocabulary, step_memory
from experiments.measures.ngram import bits_per_char
from experiments.measures.output_layer import compile_step, output_share, output_share_by_vocabulary
from experiments.measures.speed import compile_writing, median_interval, take_turns
from experiments.study.kept import INTERVAL
from experiments.study.terms import Contender

VOCABULARIES = (64, 512, 4_096, 32_768)
HIDDEN, WINDOW, STREAMS = 128, 32, 16
"""Of the model whose costs are set against the size of its vocabulary: small, or the largest would take minutes."""
WRITTEN = 100
"""Tokens of each text in a timed call."""
ROUNDS = 10
"""Timed steps of each kind."""
COUNTED = {"unigram": 1, "kneser_ney_5": 5}
"""The longest run of characters that each reference counts."""
COSTS: Shape = {
    "memory": {"parameters": dict, "optimizer": int, "activations": int, "peak": int, "disk": int},
    "peak_bytes": int,
    "output_share": {
        "parameters": float,
        "flops": float,
        "time": INTERVAL,
        "time_raw": {"numerators": [list], "denominators": [list]},
    },
}
BY_VOCABULARY: Shape = {"memory_by_vocabulary": [dict], "output_share_by_vocabulary": [dict]}
REFERENCES: Shape = dict.fromkeys([*COUNTED, *COMPRESSORS, *(f"{name}_alone" for name in COMPRESSORS)], float)


def costs(contender: Contender, checkpoints: Path) -> dict[str, Any]:
    """Memory and the output layer's share, at the contender's own window."""
    model, schedule = contender.model, contender.schedule
    memory = step_memory(model, schedule)._asdict()
    disk = disk_bytes(checkpoints)
    share = output_share(model, schedule.length, schedule.batch_size, ROUNDS)
    return {"memory": {**memory, "disk": disk}, "peak_bytes": memory["peak"], "output_share": share}


def step_seconds(contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    """What a step of training takes each contender: the median and its interval, of steps that took turns."""
    steps = {}
    for name, _, _, _, model, schedule in contenders:
        steps[name] = compile_step(partial(score, model), model, schedule.length, schedule.batch_size)
    return {name: median_interval(seconds) for name, seconds in take_turns(steps, ROUNDS).items()}


def writing_seconds(contenders: Sequence[Contender], texts: int) -> dict[str, dict[str, float]]:
    """The same of writing a token of so many texts side by side: what is written has no part in it."""
    writing = {}
    for name, _, tokenizer, _, model, _ in contenders:
        params = init_params(model, jax.random.key(0))
        writing[name] = compile_writing(model, tokenizer, params, 0, texts, WRITTEN)
    turns = take_turns(writing, ROUNDS)
    return {name: median_interval([each / WRITTEN for each in seconds]) for name, seconds in turns.items()}


def by_vocabulary(contender: Contender) -> dict[str, Any]:
    """The same of one small model, against the size of its vocabulary. The window has equal tokens."""
    model = contender.model.clone(hidden_size=HIDDEN, embed_size=HIDDEN)
    schedule = replace(contender.schedule, length=WINDOW, batch_size=STREAMS)
    return {
        "memory_by_vocabulary": memory_by_vocabulary(model, schedule, VOCABULARIES),
        "output_share_by_vocabulary": output_share_by_vocabulary(model, WINDOW, STREAMS, VOCABULARIES, ROUNDS),
    }


def references(corpus: Corpus) -> dict[str, Any]:
    """Bits per character of the test text by counting characters, and by general compressors."""
    compressed = compress(corpus.train, corpus.test)
    return {
        **{name: bits_per_char(corpus.train, corpus.test, order) for name, order in COUNTED.items()},
        **{name: found.after_training for name, found in compressed.items()},
        **{f"{name}_alone": found.alone for name, found in compressed.items()},
    }
