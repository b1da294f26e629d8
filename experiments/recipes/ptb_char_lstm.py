"""Penn Treebank by characters, one LSTM of 800 units: an aim of this project, at Graves's figure.

Paper: Graves (2013), Generating Sequences With Recurrent Neural Networks, table 1 (1 × 1000, without noise). Hardware:
two CPU cores. Time: an hour and a half. Published: 1.32 bits per character on test.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PUBLISHED = Published("bits_per_char", 1.32)
RECIPE = Config(
    corpus="ptb",
    embed_size=128,
    hidden_size=800,
    dropout=0.1,
    precision="bfloat16",
    batch_size=32,
    length=100,
    learning_rate=4e-3,
    warmup=500,
    steps=11_000,  # seven passes through 5,017,482 characters
    points=14,
    save_every=1000,
    out=Path("runs/ptb_char_lstm"),
)
