"""WikiText-2 by words, AWD-LSTM: Merity et al. (2018), Regularizing and Optimizing LSTM Language Models, section 5.

Hardware: one GPU; the authors' (Quadro GP100) took 180 s a pass. Published: 65.6 test perplexity per token, before
fine-tuning, with these settings, on the page of the authors' code; the paper's 65.8 is of a network that was
fine-tuned. Obtained: not run.

The length of each window is drawn, and `steps` is a number of passes on average, as in `awd_ptb`.
"""

from dataclasses import replace
from pathlib import Path

from experiments.published import Published
from experiments.recipes import awd_ptb

PASS = 386  # windows of about 70 tokens, on average, in 80 streams of 2,088,628 tokens

PUBLISHED = Published("perplexity_per_token", 65.6)
RECIPE = replace(
    awd_ptb.RECIPE,
    corpus="wikitext-2",
    input_dropout=0.65,
    hidden_dropout=0.2,
    batch_size=80,
    steps=750 * PASS,
    points=750,
    patience=750,  # it never ends the run: the best validation is scored
    out=Path("runs/awd_wikitext2"),
)
