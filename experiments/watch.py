"""Several processes that watch over each other: one that is killed or frozen is named, whatever the others wait for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import jax

from experiments.processes import OTHER, absent, end_without, meet, several, wait_for_all

PAUSE = 2
"""Seconds between two meetings."""
ANSWER = 20
"""Seconds in which all have to come: with the pause, before JAX ends a process whose fellow is silent."""


@contextmanager
def watching() -> Iterator[None]:
    """Within it, a thread of each process meets those of all others again and again; where one does not come, the
    others say so, and end. All enter together, and leave together unless an error ends them."""
    if not several():
        yield
        return
    wait_for_all("the watch begins")
    over = threading.Event()
    threading.Thread(target=_watch, name="watch", args=(over,), daemon=True).start()
    try:
        yield
        wait_for_all("the watch ends")
    finally:
        over.set()


def _watch(over: threading.Event) -> None:
    for meeting in count():
        if over.wait(PAUSE):
            return
        try:
            meet(f"watch {meeting}", ANSWER)
        except jax.errors.JaxRuntimeError as error:
            gone = absent(str(error))
            if gone != OTHER and not over.is_set():
                end_without(gone, f"no sign of life for {ANSWER} s")
            return  # process 0 is gone, and JAX ends this one; or all are leaving
