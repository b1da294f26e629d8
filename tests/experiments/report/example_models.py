"""Invented records of the models of `example`."""

import math
import random
from typing import Any

NAMES = ("char", "word", "byte", "bpe1k", "bpe4k", "bpe16k", "word_full")
VOCABULARY = {"char": 121, "word": 10_123, "byte": 258, "bpe1k": 1_121, "bpe4k": 4_121, "bpe16k": 16_121}
CHARS_PER_TOKEN = {"char": 1.0, "word": 4.6, "byte": 0.99, "bpe1k": 2.7, "bpe4k": 3.6, "bpe16k": 4.3}
BITS = {"char": 1.69, "word": 1.64, "byte": 1.71, "bpe1k": 1.62, "bpe4k": 1.60, "bpe16k": 1.63, "word_full": 1.79}
SAMPLE = (
    "The condition of the Treasury is such that the reports of the several departments will be laid before you, and "
    "the recommandations of the Secretary of the Interior have been carefully constrided.\n\nIn the mean time the "
    "public debt was diminished by upward of 9 millions, and the relations of peace with all the powers of Europe "
    "continue to be of the most friendary character. "
)


def around(value: float, half: float, name: str = "mean") -> dict[str, float]:
    return {name: value, "low": value - half, "high": value + half}


def _share(value: float, half: float, name: str) -> dict[str, float]:
    return {name: value, "low": max(0.0, value - half), "high": min(1.0, value + half)}


def model(name: str, draw: random.Random) -> dict[str, Any]:
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
        "bits_per_char": {"valid": around(bits - 0.013, 0.011), "test": around(bits, 0.012)},
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
            "parameters": vocab / (vocab + 3000),
            "flops": vocab / (vocab + 2500),
            "time": _share(vocab / (vocab + 5000), 0.02, "estimate"),
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
        "context_gain": _share(reach / 40_000, 0.002, "share"),
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
            "america": {"before": ["of", "tariff", "lay"], "after": ["europe", "mexico", "spain"]},
            "three": {"before": ["senate", "a", "upon"], "after": ["four", "two", "six"]},
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
