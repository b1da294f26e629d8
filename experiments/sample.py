"""Writes text with a model that `experiments.train` kept.

    python -m experiments.sample --run runs/mine --prompt "My fellow citizens" --temperature 0.8

Hardware: any. Time: five seconds, most of them for the start. The same seed writes the same text.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from charrnn_jax.errors import InputError
from charrnn_jax.sampling import Filters
from experiments import process
from experiments.fit import write_samples
from experiments.run_folder import read_trained
from experiments.shell import banner, console, open_out, require_positive, require_seed, run

LARGEST = 10**8


@dataclass(frozen=True)
class Config:
    """Samples from one trained model."""

    run: Path = Path("runs/train")
    """The --out folder of experiments.train, or one checkpoint of it."""
    best: bool = False
    """Take the checkpoint with the best validation, not the last."""
    prompt: str = ""
    """Any text: the samples go on from it. One that begins with a dash is given as --prompt=-text."""
    count: int = 1
    """Samples, drawn in one batch."""
    tokens: int = 500
    """The length of each sample."""
    temperature: float = 0.8
    """0 is greedy."""
    top_k: int = 0
    """Draw from the k best tokens; 0 draws from all."""
    top_p: float = 1.0
    """Draw from the smallest set of tokens with this probability."""
    min_p: float = 0.0
    """Draw from tokens with this share of the best one's probability."""
    seed: int = 0
    """Of the draws."""
    out: Path | None = None
    """A new folder for sample_0.txt, sample_1.txt, ..."""


def main(config: Config) -> None:
    """Prints the samples, and writes them where asked."""
    require_positive(count=config.count, tokens=config.tokens, top_p=config.top_p)
    if not (config.temperature == 0 or 1e-6 <= config.temperature < math.inf):
        raise InputError(f"--temperature is {config.temperature} and must be 0 or at least 1e-6")
    if config.top_k < 0 or config.top_p > 1 or not 0 <= config.min_p <= 1:
        raise InputError("--top-k must be 0 or more, --top-p at most 1, --min-p from 0 to 1")
    if config.count * config.tokens > LARGEST:
        raise InputError(f"--count times --tokens is {config.count * config.tokens:,}: use {LARGEST:,} or less")
    require_seed(config.seed)
    folder = open_out(config.out) if config.out else None
    model, tokenizer, params, _ = read_trained(config.run, config.best)
    filters = Filters(config.temperature, config.top_k, config.top_p, config.min_p)
    banner(f"Sampling from {config.run}", model.precision)
    texts = write_samples(model, tokenizer, params, config.seed, config.count, config.tokens, filters, config.prompt)
    for i, text in enumerate(texts):
        console.rule(f"sample {i}")
        console.print(text, soft_wrap=True)
    if folder:
        for i, text in enumerate(texts):
            (folder / f"sample_{i}.txt").write_bytes(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__)
