"""This project again, in float32: what its bfloat16 is measured against."""

from experiments.peers import ours
from experiments.peers.work import Step, Work


def make_step(work: Work) -> Step:
    """The same step, whatever the precision of the work."""
    return ours.make_step(work._replace(precision="float32"))
