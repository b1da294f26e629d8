"""A character LSTM on tiny Shakespeare, nanoGPT's split (the last 10 % of the file validates).

    python -m experiments.recipes.shakespeare_lstm [--data-dir FOLDER]

Aim: at most 1.55 nats per character on validation within 5 minutes on two CPU cores.
Obtained: 1.5245 nats per character in 2 min 52 s; one seed.
"""

from pathlib import Path

from experiments import process
from experiments.run_folder import Config
from experiments.shell import run
from experiments.train import main

RECIPE = Config(
    corpus="tinyshakespeare",
    embed_size=64,
    hidden_size=320,
    batch_size=32,
    length=64,
    steps=2455,  # five passes through the text
    learning_rate=6e-3,
    points=5,
    out=Path("runs/shakespeare_lstm"),
)

if __name__ == "__main__":
    process.prepare()
    run(main, Config, __doc__, default=RECIPE)
