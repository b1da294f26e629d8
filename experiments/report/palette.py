"""One accent a model: the colours of Okabe and Ito, which the colour-blind tell apart."""

from collections.abc import Iterable

COLORS = {
    "char": "#0072b2",
    "word": "#d55e00",
    "byte": "#009e73",
    "bpe1k": "#cc79a7",
    "bpe4k": "#e69f00",
    "bpe16k": "#56b4e9",
    "word_full": "#000000",
}
OTHERS = ("#999999", "#8c6d31", "#882255")


def slots(names: Iterable[str]) -> dict[str, int]:
    """The number of each name's colour: a known model has its own, others take those behind."""
    known, taken = list(COLORS), {}
    for name in names:
        strangers = sum(other not in COLORS for other in taken)
        taken[name] = known.index(name) if name in COLORS else len(COLORS) + strangers % len(OTHERS)
    return taken


def colors(names: Iterable[str]) -> dict[str, str]:
    """The colour of each name."""
    every = (*COLORS.values(), *OTHERS)
    return {name: every[slot] for name, slot in slots(names).items()}
