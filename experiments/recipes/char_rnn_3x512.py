"""char-rnn's larger network, 3 × 512 with dropout, on tiny Shakespeare in char-rnn's split.

Paper: Karpathy (2015), char-rnn, README: its example of `-rnn_size 512` and dropout 0.5 has two layers, its advice is
about three. Hardware: one GPU. Published: no figure found. Obtained: not run.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes import char_rnn_2x128

PUBLISHED = Published("nats_per_token", split="valid")
RECIPE = replace(char_rnn_2x128.RECIPE, hidden_size=512, layers=3, dropout=0.5, out=Path("runs/char_rnn_3x512"))
