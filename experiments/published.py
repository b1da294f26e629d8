"""What a paper says of a recipe."""

from typing import Literal, NamedTuple

Unit = Literal["perplexity_per_token", "bits_per_char", "nats_per_token"]
UNITS: dict[Unit, str] = {
    "perplexity_per_token": "perplexity per token",
    "bits_per_char": "bits per character",
    "nats_per_token": "nats per character",
}


class Published(NamedTuple):
    """A figure, and of which split it is; without a figure, what is reported of the recipe all the same."""

    unit: Unit
    figure: float | None = None
    split: Literal["valid", "test"] = "test"
