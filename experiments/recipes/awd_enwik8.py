"""enwik8 by characters, AWD-LSTM: Merity et al. (2018), An Analysis of Neural Language Modeling, section 4.

Hardware: one GPU; the authors' took two days. Published: 1.232 bits per character on test. Obtained: not run.

The length of each window is drawn, as in the authors' code, 194 bytes on average: all passes that are counted here are
passes on average.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes import awd_ptb_char

PASS = 3615  # windows of about 200 bytes, on average, in 128 streams of 90,000,000

PUBLISHED = Published("bits_per_char", 1.232)
RECIPE = replace(
    awd_ptb_char.RECIPE,
    corpus="enwik8",
    embed_size=400,
    hidden_size=1840,
    dropout=0.4,
    input_dropout=0.1,
    hidden_dropout=0.1,
    weight_drop=0.2,
    length=200,
    learning_rate=1e-3,
    decay_at=(25 * PASS, 35 * PASS),
    steps=50 * PASS,
    points=50,
    patience=50,  # it never ends the run: the best validation is scored
    out=Path("runs/awd_enwik8"),
)
