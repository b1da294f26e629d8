"""How many numbers a model learns."""

from typing import NamedTuple

import jax

from charrnn_jax.model import LanguageModel, init_params


class ParameterCount(NamedTuple):
    """How many numbers a model learns, by part."""

    embedding: int
    recurrent: int
    output: int

    @property
    def total(self) -> int:
        """The whole model."""
        return sum(self)


def count_parameters(model: LanguageModel) -> ParameterCount:
    """Counts without allocating: shapes alone are worked out. Tied output weights count as embedding."""
    params = jax.eval_shape(lambda: init_params(model, jax.random.key(0)))
    counts = {"embedding": 0, "layer": 0, "output": 0}
    for name, part in params.items():
        counts[name.split("_")[0]] += sum(leaf.size for leaf in jax.tree.leaves(part))
    return ParameterCount(counts["embedding"], counts["layer"], counts["output"])
