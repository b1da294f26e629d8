"""An invented results.json of schema 2, for tests of the report alone: none of its figures was ever measured."""

import random
from typing import Any

from experiments.measures.claims import CLAIMS
from experiments.measures.embeddings import class_of
from experiments.measures.statistics import Interval
from experiments.measures.verdicts import Test, judge
from tests.experiments.report.example_models import BITS, CHARS_PER_TOKEN, NAMES, around, model

TEXT = (
    "The Congress has, at its last session, made provision for the (long deferred) settlement of these claims.\n\n"
    "It is a matter of no small satisfaction that the people of the United States, “whose interests we serve”, have "
    "shown themselves equal to every difficulty which the constitution of their government, or the jealousies of "
    "Antananarivo, could lay in their way; and that the commerce of 1893 has not been less than that of any year."
)


def example(names: tuple[str, ...] = NAMES[:2]) -> dict[str, Any]:
    """A full record of these models."""
    draw = random.Random(8)
    models = {name: model(name, draw) for name in names}
    return {
        "schema": 2,
        "corpus": {
            "name": "invented",
            "sha256": "0" * 64,
            "chars": {"train": 11_032_682, "valid": 504_605, "test": 644_298},
            "documents": 15,
        },
        "terms": _terms(),
        "models": models,
        "differences": {
            f"{a}-{b}": around(BITS[b] - BITS[a], 0.03, "estimate") for i, a in enumerate(names) for b in names[i + 1 :]
        },
        "references": {
            "unigram": 4.43,
            "kneser_ney_5": 2.21,
            "xz": 1.98,
            "zstd": 2.03,
            "xz_alone": 2.29,
            "zstd_alone": 2.34,
        },
        "memory_by_vocabulary": [
            {
                "vocab_size": v,
                "parameters": 4 * (960_000 + 257 * v),
                "optimizer": 8 * (960_000 + 257 * v),
                "activations": 40_000_000 + 9_000 * v,
                "peak": 60_000_000 + 20_000 * v,
            }
            for v in (64, 256, 1024, 4096, 16384, 65536)
        ],
        "output_share_by_vocabulary": [
            {
                "vocab_size": v,
                "softmax": way,
                "parameters": v / (v + 4000),
                "flops": v / (v + k),
                "time": around(v / (v + 2 * k), 0.01, "estimate"),
            }
            for way, k in (("full", 2000), ("tied", 2100), ("chunked", 2600))
            for v in (64, 256, 1024, 4096, 16384, 65536)
        ],
        "passage": {"text": TEXT, "models": {name: _passage(name, draw) for name in names[:2]}},
        "embedding_map": {name: _map(draw) for name in ("char", "char, direct")},
        "claims": _claims(),
        "environment": {"python": "3.11.7", "versions": {"jax": "0.10.0"}, "devices": ["cpu:cpu"], "cores": 2},
        "command": "python -m experiments.char_vs_word --preset standard --seeds 3",
        "seconds": 812.0,
        "config": {"preset": "standard", "corpus": "invented", "seeds": 3, "seed": 0, "learning_rate": None},
    }


def minimal() -> dict[str, Any]:
    """Two models of which hardly anything was measured; one diverged."""
    models = {
        "char": {"vocab_size": 60, "bits_per_char": {"valid": None, "test": {"mean": 2.1, "low": None, "high": None}}},
        "word": {"seeds": [{"seed": 0, "curve": []}], "bits_per_char": {"test": {"mean": None}}, "nonsense": None},
    }
    return {"schema": 2, "corpus": {"name": "small"}, "models": models, "claims": None}


def hostile(text: str) -> dict[str, Any]:
    """A text in every place where a corpus, a sample or a path may come from."""
    results = example()
    for record in results["models"].values():
        record["samples"] = [text, text]
        record["nonsense"]["1.0"]["inventions"] = [[text, 3]]
        record["neighbours"] = {text: {"before": [text], "after": [text]}}
    token = {"start": 0, "text": text, "bits": 3.0, "expected": [[text, 0.5], [text, 0.2], [text, 0.1]]}
    results["passage"] = {"text": text * 3, "models": {"char": [token, token | {"start": len(text)}], "word": [token]}}
    places = [[0.1, 0.2]]
    results["embedding_map"] = {text: {"before": places, "after": places, "characters": [text], "classes": ["vowel"]}}
    results["corpus"]["name"] = results["command"] = text
    results["config"] = {text: text}
    return results


def _terms() -> dict[str, Any]:
    sizes = {"parameters": 1_000_000, "chars": 5_000_000, "pieces": 10_000, "span": 128, "curve_chars": 30_000}
    grid = {"learning_rates": [0.002, 0.004], "dropouts": [0.0, 0.1], "tuning_chars": 600_000}
    return {**sizes, **grid, "size": "parameters", "budget": "chars", "cell": "lstm", "precision": "float32"}


def _passage(name: str, draw: random.Random) -> list[dict[str, Any]]:
    texts = list(TEXT) if CHARS_PER_TOKEN.get(name) == 1 else [w + " " for w in TEXT.split(" ")]
    tokens, start = [], 0
    for text in texts:
        bits = draw.expovariate(1 / (1.7 * len(text)))
        expected = [["the", 0.31], [" ", 0.12], [text, 2**-bits]]
        tokens.append({"start": start, "text": text, "bits": bits, "expected": expected})
        start += len(text)
    return tokens


def _map(draw: random.Random) -> dict[str, Any]:
    characters = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n.,;:()'\"-"]
    centres = {True: (2.0, 1.0), False: (-1.0, 0.5)}
    after = [
        [
            centres[c.lower() in "aeiou"][0] + draw.gauss(0, 0.5),
            (2.5 if c.isupper() else 0) - 3 * c.isdigit() + draw.gauss(0, 0.5),
        ]
        for c in characters
    ]
    return {
        "before": [[draw.gauss(0, 0.2), draw.gauss(0, 0.2)] for _ in characters],
        "after": after,
        "characters": characters,
        "classes": [class_of(character) for character in characters],
        "clustering": {"before": 0.31, "after": 0.87, "chance": {"mean": 0.29, "low": 0.18, "high": 0.4}},
    }


def _claims() -> dict[str, Any]:
    """As the study judges them, from invented intervals."""
    found = {
        "memory": ((0.843, 0.843, 0.843), (0.312, 0.312, 0.312)),
        "output_layer": ((0.732, 0.732, 0.732), (0.756, 0.756, 0.756), (0.645, 0.61, 0.68)),
        "nonsense_words": ((0.108, 0.104, 0.112), (0.058, 0.054, 0.062)),
        "long_distance": ((0.08, 0.05, 0.11), (0.15, 0.11, 0.19), (-0.004, -0.009, 0.001), (240.0, 120.0, 360.0)),
    }
    return {
        name: judge(claim, [Test(q.name, Interval(*found[name][i]), q.wording) for i, q in enumerate(questions)])
        for name, (claim, questions) in CLAIMS.items()
    }
