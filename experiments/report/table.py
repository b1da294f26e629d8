"""The comparison in a table that a person reads in a terminal."""

from typing import Any

import numpy as np
from rich.table import Table


def comparison_table(results: dict[str, Any]) -> Table:
    """The models of `results.json` side by side, one figure a row."""
    models = results["models"]
    table = Table(title=f"Characters against words: {results['corpus']['name']}", title_justify="left")
    table.add_column("")
    for name in models:
        table.add_column(name, justify="right")
    for label, figure in _ROWS.items():
        table.add_row(label, *(figure(model) for model in models.values()))
    return table


def _part(name: str):
    return lambda model: f"{model['parameters'][name]:,}"


def _bits(split: str):
    def figure(model: dict[str, Any]) -> str:
        values = [seed["bits_per_char"][split] for seed in model["seeds"]]
        if None in values:
            return "diverged"
        spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
        return f"{np.mean(values):.3f}{spread}"

    return figure


def _output_layer(model: dict[str, Any]) -> str:
    layer = model["output_layer"]
    return f"{layer['rows']} × {layer['columns']:,}{' (tied)' if layer['tied'] else ''}"


def _nonsense(model: dict[str, Any]) -> str:
    rate = model["nonsense_word_rate"]
    return "–" if rate is None else f"{rate:.1%}"


_ROWS = {
    "vocabulary": lambda model: f"{model['vocab_size']:,}",
    "parameters: embedding": _part("embedding"),
    "parameters: recurrent": _part("recurrent"),
    "parameters: output": _part("output"),
    "parameters: total": _part("total"),
    "bytes": lambda model: f"{model['bytes']:,}",
    "output layer": _output_layer,
    "bits per character, validation": _bits("valid"),
    "bits per character, test": _bits("test"),
    "training characters per second": lambda model: f"{model['train_chars_per_second']:,.0f}",
    "invented words in samples": _nonsense,
    "seconds, one seed": lambda model: f"{model['seconds']:.0f}",
}
