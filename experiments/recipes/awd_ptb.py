"""Penn Treebank by words, AWD-LSTM: Merity et al. (2018), Regularizing and Optimizing LSTM Language Models, section 5.

Hardware: one GPU; the authors' (Quadro GP100) took 65 s a pass, 9 hours in all. Published: 58.8 test perplexity per
token, before fine-tuning, with these settings, on the page of the authors' code; the paper's 57.3 is of batches of 40,
fine-tuned. Obtained: its first two passes alone, in bfloat16, 32 minutes on a CPU core: 291.8 and 211.6 on validation.
In the first and second hundred windows it had 7.52 and 6.74 nats a token; the authors' program, written over for
today's PyTorch, in float32, had 7.38 and 6.70.

The length of each window is drawn, 68 tokens on average, so that some passes have more windows than others: `steps` is
500 times the number that a pass has on average. PyTorch's layers have two biases in each gate, from uniform numbers,
and here is one, from 0; so have the other recipes of AWD-LSTM.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 687  # windows of about 70 tokens, on average, in 20 streams of 929,589 tokens

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
    random_length=True,
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
    patience=500,  # it never ends the run: the best validation is scored
    out=Path("runs/awd_ptb"),
)
