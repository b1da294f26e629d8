"""How large a study is, from two minutes to an afternoon."""

from typing import NamedTuple

from experiments.study.terms import Terms

COMPARED = ("char", "word")
"""The two of the lecture."""


class Preset(NamedTuple):
    """What is compared, and from how many seeds."""

    terms: Terms
    seeds: int
    """Of `char` and `word`."""
    other_seeds: int
    """Of everyone else."""
    beside: bool = True
    """Whether to measure what no model has to be trained for: half a minute to two minutes."""

    def seeds_of(self, name: str) -> int:
        """Runs of that contender."""
        return self.seeds if name in COMPARED else self.other_seeds


PRESETS = {
    "quick": Preset(
        Terms(
            chars=600_000,
            pieces=2_000,
            points=5,
            context_chars=1_024,
            closers=25,
            agreement_items=50,
        ),
        seeds=1,
        other_seeds=1,
        beside=False,
    ),
    "standard": Preset(Terms(controlled_chars=1_000_000, direct_chars=1_000_000), seeds=3, other_seeds=3),
    "full": Preset(
        Terms(
            contenders=("char", "word", "byte", "bpe1k", "bpe4k", "bpe16k", "word_full"),
            parameters=500_000,
            chars=7_000_000,
            pieces=10_000,
            learning_rates=(4e-3, 8e-3, 1.6e-2),
            dropouts=(0.0, 0.1),
            tuning_chars=400_000,
            context_chars=8_192,
            closers=200,
            agreement_items=400,
            controlled_chars=2_000_000,
            controlled_seeds=3,
            direct_chars=2_000_000,
        ),
        seeds=5,
        other_seeds=3,
    ),
}
