"""Penn Treebank by characters, AWD-LSTM: Merity et al. (2018), An Analysis of Neural Language Modeling, section 4.

Hardware: one GPU. Published: 1.175 bits per character on test. Obtained: not run.

Windows have 150 tokens each: the authors draw their length anew for every step, which this recipe does not do yet.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 262  # windows of 150 tokens, in 128 streams of 5,017,482 characters

PUBLISHED = Published("bits_per_char", 1.175)
RECIPE = Config(
    corpus="ptb",
    embed_size=200,
    hidden_size=1000,
    layers=3,
    tied=True,
    embed_scale=0.1,
    forget_bias=0.0,
    dropout=0.1,
    hidden_dropout=0.25,
    locked=True,
    weight_drop=0.5,
    batch_size=128,
    length=150,
    squares=0.999,
    learning_rate=2e-3,
    warmup=0,
    decay="steps",
    decay_at=(300 * PASS, 400 * PASS),
    decay_by=0.1,
    weight_decay=1.2e-6,
    clip=0.25,
    drop_state=0.0,
    steps=500 * PASS,
    points=500,
    out=Path("runs/awd_ptb_char"),
)
