"""Penn Treebank by words, Mogrifier of 24 million parameters: Melis et al. (2020), Mogrifier LSTM, table 1.

Hardware: one GPU. Published: 50.1 test perplexity per token. Obtained: not run.

Settings are those of the authors' published configuration. Their loss is a sum over the 70 steps of a window: its limit
of 10 for the gradient and its penalty of 2.5e-4 are divided by 70 here; RMSProp does not see the difference. Of their
method this recipe has not: the search for the temperature of the softmax; bias correction of the squares (here: a
warm-up); averaging from the 50th validation after the best one on, at the latest from the 800th (here: once one is
worse than the best of those more than 50 before it); normal initial weights (here: uniform, the embedding's of the same
variance). The order of two things differs, too: their penalty is a part of the gradient that is clipped, and here is
added behind; their 64 streams read the whole text, each from a place that is drawn anew, and here are 64 parts of it.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PUBLISHED = Published("perplexity_per_token", 50.1)
RECIPE = Config(
    corpus="ptb",
    tokenizer="closed_word",
    cell="capped_mogrifier",
    rounds=5,
    rank=84,
    embed_size=912,
    hidden_size=912,
    layers=2,
    sum_layers=True,
    tied=True,
    embed_scale=(3 / 912) ** 0.5,
    dropout=0.716,
    input_dropout=0.729,
    hidden_dropout=0.291,
    state_dropout=0.387,
    batch_size=64,
    length=70,
    optimizer="rmsprop",
    squares=0.999,
    learning_rate=2.3e-3,
    warmup=1_000,
    decay="none",
    weight_decay=2.5e-4 / 70,
    clip=10 / 70,
    average_after=50,
    drop_state=0.01,
    steps=200_000,
    points=1_000,
    patience=1_000,  # it never ends the run: the best validation is scored
    out=Path("runs/mogrifier_ptb"),
)
