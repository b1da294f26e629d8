"""Penn Treebank by characters, one layer-normalised LSTM of 800 units: an aim of this project, at Graves's figure.

Paper: Graves (2013), Generating Sequences With Recurrent Neural Networks, table 1 (1000 units, no noise). The
layer normalisation is that of Ba et al. (2016), Layer Normalization; another kind, in Ha et al. (2017), HyperNetworks,
reaches 1.267 with 1000 units and dropout of their input as well. Hardware: two CPU cores. Time: 98 minutes.
Published: 1.32 bits per character on test. Obtained: 1.2987, one seed.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PUBLISHED = Published("bits_per_char", 1.32)
RECIPE = Config(
    corpus="ptb",
    cell="layer_norm_lstm",
    embed_size=128,
    hidden_size=800,
    dropout=0.1,
    input_dropout=0.0,
    state_dropout=0.1,
    precision="bfloat16",
    batch_size=32,
    length=64,
    learning_rate=8e-3,
    warmup=400,
    drop_state=0.01,
    steps=34_000,  # 14 passes through 5,017,482 characters
    points=16,
    save_every=1_000,
    out=Path("runs/ptb_char_lstm"),
)
