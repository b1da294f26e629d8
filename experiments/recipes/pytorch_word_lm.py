"""Penn Treebank by words, PyTorch's example: 2 × 200, tied (pytorch/examples, word_language_model, main.py).

Hardware: two CPU cores. Time: hours, an estimate. Published: 87.17 test perplexity per token, by the example's README
at bcea1f5; later ones call the figure WikiText-2's, or leave it out. Obtained: not run.

The learning rate is divided by 4 after each pass that is no better than the best before it, and the best of the passes
is scored: patience never ends a run of as many points. What differs: biases of the layers start from 0, PyTorch's
from uniform numbers, two in each gate; the tokens that do not fill 20 streams are read, not cut off; for test the
example reads 10 streams, each from the zero state.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 1328  # windows of 35 tokens, in 20 streams of 929,589 tokens
PASSES = 40

PUBLISHED = Published("perplexity_per_token", 87.17)
RECIPE = Config(
    corpus="ptb",
    tokenizer="closed_word",
    embed_size=200,
    hidden_size=200,
    layers=2,
    tied=True,
    embed_scale=0.1,
    forget_bias=0.0,
    dropout=0.2,
    batch_size=20,
    length=35,
    optimizer="sgd",
    learning_rate=20.0,
    warmup=0,
    decay="anneal",
    decay_by=0.25,
    clip=0.25,
    drop_state=0.0,
    steps=PASSES * PASS,
    points=PASSES,
    patience=PASSES,
    out=Path("runs/pytorch_word_lm"),
)
