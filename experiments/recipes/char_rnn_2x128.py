"""char-rnn's default network, 2 × 128, on tiny Shakespeare in its own split: Karpathy (2015), char-rnn, train.lua.

Hardware: one CPU core. Time: 16 to 41 minutes, beside other work. Published: no figure found. Obtained: 1.4205 nats per
character on validation, and 1.3990 at the lowest of the 50; the mean of three seeds.

The program's gradient is a sum over the 50 steps of a window: its limit of 5 for each number is 0.1 here; RMSProp does
not see the difference. The rate falls by 3 % before each pass from the eleventh on.
The program has two biases in each gate, of which the sum counts; here is one, from the same uniform numbers.
"""

from pathlib import Path

from experiments.published import Published
from experiments.run_config import Config

PASS = 423  # windows of 50 characters, in 50 streams of 1,057,500

PUBLISHED = Published("nats_per_token", split="valid")
RECIPE = Config(
    corpus="tinyshakespeare-rows",
    input_mode="direct",
    hidden_size=128,
    layers=2,
    init_scale=0.08,
    forget_bias=1.0,
    batch_size=50,
    length=50,
    optimizer="rmsprop",
    squares=0.95,
    learning_rate=2e-3,
    warmup=0,
    decay="steps",
    decay_at=tuple(PASS * passes for passes in range(10, 50)),
    decay_by=0.97,
    clip=0.1,
    clip_by="value",
    drop_state=0.0,
    steps=50 * PASS,
    points=50,
    out=Path("runs/char_rnn_2x128"),
)
