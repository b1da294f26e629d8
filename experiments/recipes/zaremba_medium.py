"""Penn Treebank by words, the medium network: Zaremba et al. (2014), Recurrent Neural Network Regularization, 4.1.

Hardware: one GPU. Published: 82.7 test perplexity per token. Obtained: its first two passes
alone, in bfloat16, 13 minutes on a CPU core: 201.6 and 150.1 on validation.

As in `zaremba_small`, the paper's rate of 1 and clip of 5 are of a sum over the window's 35 steps. The rate falls
before each pass from the seventh on.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes import zaremba_small

PASS = 1328  # windows of 35 tokens, in 20 streams of 929,589 tokens

PUBLISHED = Published("perplexity_per_token", 82.7)
RECIPE = replace(
    zaremba_small.RECIPE,
    embed_size=650,
    hidden_size=650,
    dropout=0.5,
    init_scale=0.05,
    length=35,
    learning_rate=35.0,
    clip=5 / 35,
    decay_at=tuple(PASS * passes for passes in range(6, 39)),
    decay_by=1 / 1.2,
    steps=39 * PASS,
    points=39,
    out=Path("runs/zaremba_medium"),
)
