"""Penn Treebank by characters, Mogrifier of 24 million parameters: Melis et al. (2020), Mogrifier LSTM, table 2.

Hardware: one GPU. Published: 1.120 bits per character on test. Obtained: not run.

It differs from the authors' method as `mogrifier_ptb` does. The embedding is not tied; a window has 150 steps, and
averaging waits for 25 validations.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes.mogrifier_ptb import RECIPE as WORDS

PUBLISHED = Published("bits_per_char", 1.120)
RECIPE = replace(
    WORDS,
    tokenizer="char",
    rounds=4,
    rank=24,
    embed_size=1_208,  # the most that 24 million parameters allow
    hidden_size=1_208,
    tied=False,
    embed_scale=(3 / 1_208) ** 0.5,
    dropout=0.235,
    input_dropout=0.279,
    hidden_dropout=0.074,
    state_dropout=0.171,
    length=150,
    learning_rate=3.74e-3,
    weight_decay=2.6e-4 / 150,
    clip=10 / 150,
    average_after=25,
    steps=100_000,
    points=500,
    patience=500,  # it never ends the run: the best validation is scored
    out=Path("runs/mogrifier_ptb_char"),
)
