"""Penn Treebank by words, the small network: Zaremba et al. (2014), Recurrent Neural Network Regularization, 4.1.

Hardware: one CPU core. Time: 46 minutes, beside a second run. Published: 114.5 test perplexity per token.
Obtained: 114.5; 113.6 to 115.2, three seeds.

The paper's gradient is a sum over the 20 steps of a window: its learning rate of 1 is 20 here, its clip of 5 is 0.25.
It is halved before each pass from the fifth on, as in the paper; the authors' program does so from the sixth on, and
has two biases in each gate, of which the sum counts.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 2324  # windows of 20 tokens, in 20 streams of 929,589 tokens

PUBLISHED = Published("perplexity_per_token", 114.5)
RECIPE = Config(
    corpus="ptb",
    tokenizer="closed_word",
    embed_size=200,
    hidden_size=200,
    layers=2,
    init_scale=0.1,
    batch_size=20,
    length=20,
    optimizer="sgd",
    learning_rate=20.0,
    warmup=0,
    decay="steps",
    decay_at=tuple(PASS * passes for passes in range(4, 13)),
    decay_by=0.5,
    clip=0.25,
    drop_state=0.0,
    steps=13 * PASS,
    points=13,
    out=Path("runs/zaremba_small"),
)
