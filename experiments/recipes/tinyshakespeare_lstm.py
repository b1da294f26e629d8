"""A character LSTM on tiny Shakespeare, nanoGPT's split (the last 10 % of the file validates).

Paper: none; nanoGPT's page has 1.88 nats per character for a Transformer on a CPU, 1.4697 for one on a GPU.
Hardware: two CPU cores. Time: 3 minutes. Published: none. Aim: 1.55 nats per character on validation.
Obtained: 1.5296; 1.5202 to 1.5344, three seeds.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PUBLISHED = Published("nats_per_token", split="valid")
RECIPE = Config(
    corpus="tinyshakespeare",
    embed_size=64,
    hidden_size=320,
    batch_size=32,
    length=64,
    steps=2455,  # five passes through the text
    learning_rate=6e-3,
    points=5,
    out=Path("runs/tinyshakespeare_lstm"),
)
