"""An invented results.json of schema 2, for tests of the report alone: none of its figures was ever measured."""

import math
import random
from typing import Any

NAMES = ("char", "word", "byte", "bpe1k", "bpe4k", "bpe16k", "word_full")
VOCABULARY = {"char": 121, "word": 10_123, "byte": 258, "bpe1k": 1_121, "bpe4k": 4_121, "bpe16k": 16_121}
CHARS_PER_TOKEN = {"char": 1.0, "word": 4.6, "byte": 0.99, "bpe1k": 2.7, "bpe4k": 3.6, "bpe16k": 4.3}
BITS = {"char": 1.69, "word": 1.64, "byte": 1.71, "bpe1k": 1.62, "bpe4k": 1.60, "bpe16k": 1.63, "word_full": 1.79}
TEXT = (
    "The Congress has, at its last session, made provision for the (long deferred) settlement of these claims.\n\n"
    "It is a matter of no small satisfaction that the people of the United States, “whose interests we serve”, have "
    "shown themselves equal to every difficulty which the constitution of their government, or the jealousies of "
    "Antananarivo, could lay in their way; and that the commerce of 1893 has not been less than that of any year."
)
SAMPLE = (
    "The condition of the Treasury is such that the reports of the several departments will be laid before you, and "
    "the recommandations of the Secretary of the Interior have been carefully constrided.\n\nIn the mean time the "
    "public debt was diminished by upward of 9 millions, and the relations of peace with all the powers of Europe "
    "continue to be of the most friendary character. "
)


def example(names: tuple[str, ...] = NAMES[:2]) -> dict[str, Any]:
    """A full record of these models."""
    draw = random.Random(8)
    models = {name: _model(name, draw) for name in names}
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
            f"{a}-{b}": _around(BITS[a] - BITS[b], 0.03, "estimate")
            for i, a in enumerate(names)
            for b in names[i + 1 :]
        },
        "references": {"unigram": 4.43, "kneser_ney_5": 2.21, "xz": 2.29, "zstd": 2.34},
        "memory_by_vocabulary": [
            {"vocab_size": v, "parameters": 4 * (960_000 + 257 * v), "peak": 60_000_000 + 20_000 * v}
            for v in (64, 256, 1024, 4096, 16384, 65536)
        ],
        "output_share_by_vocabulary": [
            {
                "vocab_size": v,
                "softmax": way,
                "parameters": v / (v + 4000),
                "flops": v / (v + k),
                "time": v / (v + 2 * k),
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
    for model in results["models"].values():
        model["samples"] = [text, text]
        model["nonsense"]["1.0"]["inventions"] = [[text, 3]]
        model["neighbours"] = {"before": {text: [[text, 0.5]]}, "after": {text: [[text, 0.9]]}}
    token = {"start": 0, "text": text, "bits": 3.0, "expected": [[text, 0.5], [text, 0.2], [text, 0.1]]}
    results["passage"] = {"text": text * 3, "models": {"char": [token, token | {"start": len(text)}], "word": [token]}}
    results["embedding_map"] = {text: {"before": [[0.1, 0.2]], "after": [[0.1, 0.2]], "characters": [text]}}
    results["corpus"]["name"] = results["command"] = text
    results["config"] = {text: text}
    return results


def _terms() -> dict[str, Any]:
    sizes = {"parameters": 1_000_000, "chars": 5_000_000, "pieces": 10_000, "span": 128, "curve_chars": 30_000}
    grid = {"learning_rate": [0.002, 0.004], "dropout": [0.0, 0.1]}
    return {**sizes, "size": "parameters", "budget": "chars", "cell": "lstm", "precision": "float32", "grid": grid}


def _around(value: float, half: float, name: str = "mean") -> dict[str, float]:
    return {name: value, "low": value - half, "high": value + half}


def _share(value: float, half: float, name: str) -> dict[str, float]:
    return {name: value, "low": max(0.0, value - half), "high": min(1.0, value + half)}


def _model(name: str, draw: random.Random) -> dict[str, Any]:
    vocab, bits, per_token = VOCABULARY.get(name, 44_310), BITS[name], CHARS_PER_TOKEN.get(name, 4.8)
    hidden = round((1_000_000 / (8 + vocab / 346)) ** 0.5)
    parts = {"embedding": vocab * hidden, "recurrent": 8 * hidden * hidden, "output": vocab}
    reach = {"char": 180, "byte": 190, "word": 420}.get(name, 330)
    return {
        "kind": "bpe" if name.startswith("bpe") else name.split("_")[0],
        "vocab_size": vocab,
        "hidden_size": hidden,
        "parameters": {**parts, "total": sum(parts.values())},
        "output_layer": {"rows": hidden, "columns": vocab, "tied": True},
        "bits_per_char": {"valid": _around(bits - 0.013, 0.011), "test": _around(bits, 0.012)},
        "seeds": [_seed(seed, bits, per_token, draw) for seed in range(3)],
        "chars_per_token": per_token,
        "flops_per_char": 6 * (sum(parts.values())) / per_token,
        "tuning": [
            {"learning_rate": rate, "dropout": p, "valid_bits_per_char": bits + draw.uniform(0, 0.1)}
            for rate in (0.002, 0.004)
            for p in (0.0, 0.1)
        ],
        "chosen": {"learning_rate": 0.004, "dropout": 0.1},
        "memory": {
            "parameters": {part: 4 * n for part, n in parts.items()},
            "optimizer": 8 * sum(parts.values()),
            "activations": round(9_000_000 / per_token + 2_000 * vocab / per_token),
            "peak": round(16 * sum(parts.values()) + 9_000_000 / per_token + 2_400 * vocab / per_token),
            "disk": 12 * sum(parts.values()) + 60_000,
        },
        "output_share": {
            share: vocab / (vocab + k) for share, k in (("parameters", 3000), ("flops", 2500), ("time", 5000))
        },
        "train_chars_per_second": 42_000 * per_token**0.4,
        "generation_chars_per_second": 9_000 * per_token,
        "seconds": 133.0,
        "nonsense": _nonsense(name),
        "context_use": [[2**n, bits + 2.4 * math.exp(-n / 2.2) * per_token**0.1] for n in range(13)],
        "context_low_high": [
            [bits + 2.3 * math.exp(-n / 2.2) - 0.02, bits + 2.6 * math.exp(-n / 2.2) + 0.05] for n in range(13)
        ],
        "effective_context_chars": reach,
        "closers": [
            {"from": a, "to": 2 * a - 1, **_share(0.5 * math.exp(-a / reach), 0.05, "probability"), "count": 4000 // a}
            for a in (1, 2, 4, 8, 16, 32, 64, 128, 256)
        ],
        "agreement": [
            {"attractors": n, **_share(0.94 - (0.11 if name == "char" else 0.06) * n, 0.03, "accuracy"), "items": 600}
            for n in range(4)
        ],
        "controlled": [
            {
                "distance_words": d,
                "distance_chars": 5 * d,
                **_share(0.5 + 0.5 * math.exp(-d * 5 / reach), 0.03, "accuracy"),
            }
            for d in (1, 2, 4, 8, 16, 32, 64)
        ],
        "neighbours": {
            "before": {"america": [["of", 0.31], ["tariff", 0.28]], "three": [["senate", 0.3], ["a", 0.27]]},
            "after": {"america": [["europe", 0.71], ["mexico", 0.66]], "three": [["four", 0.83], ["two", 0.8]]},
        },
        "samples": [SAMPLE * 2] * 4,
    }


def _seed(seed: int, bits: float, per_token: float, draw: random.Random) -> dict[str, Any]:
    shift = draw.uniform(-0.01, 0.01)
    chars = [625_000 * n for n in range(1, 9)]
    return {
        "seed": seed,
        "bits_per_char": {"valid": bits + shift, "test": bits + shift},
        "curve": [
            {
                "chars": c,
                "seconds": c / 42_000 / per_token**0.4,
                "valid_bits_per_char": bits + shift + 0.6 * 625_000 / c,
            }
            for c in chars
        ],
    }


def _nonsense(name: str) -> dict[str, Any]:
    rates = {"0.5": 0.012, "0.8": 0.041, "1.0": 0.117}
    words = [["constrided", 9], ["friendary", 7], ["recommandations", 6], ["interconclurading", 4], ["artillity", 3]]
    novelty = {"2": 0.08, "3": 0.31, "4": 0.62, "5": 0.83}
    scale = 1 if name in ("char", "byte") else 0.5
    found = {
        t: {**_share(scale * rate, 0.004, "rate"), "words": 21_400, "inventions": words * 4, "novelty": novelty}
        for t, rate in rates.items()
    }
    floor = {**_share(0.009, 0.001, "rate"), "words": 107_311, "novelty": {n: x + 0.05 for n, x in novelty.items()}}
    return {**found, "floor": floor}


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
    }


def _claims() -> dict[str, Any]:
    said = {
        "memory": (
            "holds",
            "At the same hidden size, the character model takes 0.21 times the memory of a word model",
            0.21,
        ),
        "output_layer": (
            "holds",
            "The character model's output layer has 0.012 times the weights of the word model's",
            0.012,
        ),
        "nonsense_words": (
            "holds",
            "The character model invents 5.7 percentage points more words than the word model",
            0.057,
        ),
        "long_distance": ("depends", "Characters use less context, but agree as well across attractors", -0.03),
    }
    return {
        name: {
            "verdict": verdict,
            "statement": f"{statement} (95 % interval {estimate * 0.9:.3g} to {estimate * 1.1:.3g}).",
            **_around(estimate, abs(estimate) / 10, "estimate"),
            "tests": [{"name": f"test {n}", **_around(estimate * n, abs(estimate) / 10, "estimate")} for n in (1, 2)],
        }
        for name, (verdict, statement, estimate) in said.items()
    }
