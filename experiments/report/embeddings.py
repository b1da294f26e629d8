"""Embeddings in the plane: a letter where its vector is, before training and after."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.measures.embeddings import class_of, principal_axes

STYLES: dict[str, dict[str, Any]] = {
    "vowel": {"color": "tab:red"},
    "consonant": {"color": "tab:blue"},
}
OTHER = {"color": "black", "weight": "bold"}


class Panel(NamedTuple):
    """One column of the picture: the vector of each character, before training and after."""

    title: str
    steps: int
    before: Float32[np.ndarray, "V X"]
    after: Float32[np.ndarray, "V X"]


def draw_embeddings(panels: Sequence[Panel], characters: str, path: Path) -> None:
    """Before training above and after it below, on the axes of the trained vectors."""
    figure = Figure(figsize=(4 * len(panels), 8), layout="constrained")
    axes = figure.subplots(2, len(panels), squeeze=False)
    for (above, below), panel in zip(axes.T, panels, strict=True):
        plane = principal_axes(panel.after)
        before, after = panel.before @ plane, panel.after @ plane
        draw_letters(above, characters, before)
        above.set_title(f"{panel.title} before training")
        below.plot([before[:, 0], after[:, 0]], [before[:, 1], after[:, 1]], color="0.8", zorder=1)
        draw_letters(below, characters, after)
        below.set_title(f"{panel.title} after {panel.steps} steps")
    legend = "red: vowels, blue: consonants, ␣: space, grey: the way gone in training"
    figure.suptitle(f"First two principal axes of the trained embedding ({legend})")
    figure.savefig(path, dpi=120)


def draw_letters(ax: Axes, characters: str, points: Float32[np.ndarray, "V 2"]) -> None:
    """Each character where its vector is."""
    ax.scatter(points[:, 0], points[:, 1], alpha=0)
    ax.margins(0.08)
    for character, (x, y) in zip(characters, points, strict=True):
        shown, style = ("␣" if character == " " else character), style_of(character)
        ax.text(x, y, shown, fontsize=15, ha="center", va="center", **style)


def style_of(character: str) -> dict[str, Any]:
    """By its class; a capital is shown as its small letter is."""
    return STYLES.get(class_of(character.lower()), OTHER)
