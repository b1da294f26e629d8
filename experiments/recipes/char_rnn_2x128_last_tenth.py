"""char-rnn's default network, 2 × 128, on tiny Shakespeare in nanoGPT's split: the last tenth validates.

Paper: Karpathy (2015), char-rnn, train.lua. Hardware: one CPU core. Time: 15 to 22 minutes, beside other work.
Published: no figure found. Obtained: 1.6311 nats per character on validation, and 1.5686 at the lowest of the 50; the
mean of three seeds.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes import char_rnn_2x128

PASS = 402  # windows of 50 characters, in 50 streams of 1,003,854

PUBLISHED = Published("nats_per_token", split="valid")
RECIPE = replace(
    char_rnn_2x128.RECIPE,
    corpus="tinyshakespeare",
    decay_at=tuple(PASS * passes for passes in range(10, 50)),
    steps=50 * PASS,
    out=Path("runs/char_rnn_2x128_last_tenth"),
)
