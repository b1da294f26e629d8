"""Penn Treebank by characters, AWD-LSTM: Merity et al. (2018), An Analysis of Neural Language Modeling, section 4.

Hardware: one GPU. Published: 1.175 bits per character on test. Obtained: its first pass alone, in bfloat16, 46 minutes
on a CPU core beside other work: 2.294 on validation.

The length of each window is drawn, as in the authors' code, 146 characters on average: all passes that are counted
here, in `steps` and `decay_at`, are passes on average.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 269  # windows of about 150 characters, on average, in 128 streams of 5,017,482

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
    random_length=True,
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
    patience=500,  # it never ends the run: the best validation is scored
    out=Path("runs/awd_ptb_char"),
)
