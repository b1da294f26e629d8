"""Tiny Shakespeare by characters, after Haiku's example: 2 × 256, one-hot (dm-haiku, examples/rnn, train.py).

Hardware: two CPU cores. Time: hours, an estimate. Published: no figure found. Obtained: not run.

Every window starts from the zero state, in training; gradients are not clipped. It is not the example's network, which
has a rectifier between its LSTMs and a hidden layer of 256 before the output: here are neither. Nor is it its data:
the example has outputs for 128 characters, shuffles its windows, validates on a twentieth, and from zero states too.
There are 406 passes through the text, of which the best of 50 validations is scored.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 246  # windows of 128 characters, in 32 streams of 1,003,854
POINTS = 50

PUBLISHED = Published("nats_per_token", split="valid")
RECIPE = Config(
    corpus="tinyshakespeare",
    input_mode="direct",
    hidden_size=256,
    layers=2,
    batch_size=32,
    length=128,
    squares=0.999,
    learning_rate=1e-3,
    warmup=0,
    decay="none",
    clip=1e9,  # never reached
    drop_state=1.0,
    steps=100_000,
    points=POINTS,
    patience=POINTS,
    out=Path("runs/haiku_char"),
)
