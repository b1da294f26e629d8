"""Penn Treebank by words, the large network: Zaremba et al. (2014), Recurrent Neural Network Regularization, 4.1.

Hardware: one GPU; the authors' took a day. Published: 78.4 test perplexity per token. Obtained: its first two passes
alone, in bfloat16, 46 minutes on a CPU core: 829.5 and 968.2 on validation, where word frequencies alone have 687.

It begins badly: the first updates throw the loss above that of a uniform guess, and the gradient then stays about as
large as the clip. So does the same network in PyTorch: the first hundred windows had 9.05 nats a token there, 9.12 here
in bfloat16 and 9.69 in float32. How the authors' runs came out of it, two passes do not show.

As in `zaremba_medium`, with a clip of 10; the rate falls before each pass from the fifteenth on, in the authors'
program from the sixteenth.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes import zaremba_medium

PASS = zaremba_medium.PASS

PUBLISHED = Published("perplexity_per_token", 78.4)
RECIPE = replace(
    zaremba_medium.RECIPE,
    embed_size=1500,
    hidden_size=1500,
    dropout=0.65,
    init_scale=0.04,
    clip=10 / 35,
    decay_at=tuple(PASS * passes for passes in range(14, 55)),
    decay_by=1 / 1.15,
    steps=55 * PASS,
    points=55,
    out=Path("runs/zaremba_large"),
)
