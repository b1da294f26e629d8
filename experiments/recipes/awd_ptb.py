"""Penn Treebank by words, AWD-LSTM: Merity et al. (2018), Regularizing and Optimizing LSTM Language Models, section 5.

Hardware: one GPU. Published: 58.8 test perplexity per token, before fine-tuning. Obtained: not run.

Windows have 70 tokens each: the paper draws their length anew for every step, which this recipe does not do yet.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 664  # windows of 70 tokens, in 20 streams of 929,589 tokens

PUBLISHED = Published("perplexity_per_token", 58.8)
RECIPE = Config(
    corpus="ptb",
    tokenizer="closed_word",
    embed_size=400,
    hidden_size=1150,
    layers=3,
    tied=True,
    embed_scale=0.1,
    forget_bias=0.0,
    dropout=0.4,
    input_dropout=0.4,
    hidden_dropout=0.25,
    locked=True,
    embedding_dropout=0.1,
    weight_drop=0.5,
    activation=2.0,
    temporal_activation=1.0,
    batch_size=20,
    length=70,
    optimizer="sgd",
    learning_rate=30.0,
    warmup=0,
    decay="none",
    weight_decay=1.2e-6,
    clip=0.25,
    average_after=5,
    drop_state=0.0,
    steps=500 * PASS,
    points=500,
    out=Path("runs/awd_ptb"),
)
