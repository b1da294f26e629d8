"""Ctrl-C and SIGTERM: the step in progress is finished, and then whoever trains saves and leaves."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import jax
from jax.experimental import multihost_utils

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal said to stop: nothing is wrong, and nobody who mends errors is to hold it up."""

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.exit_code = 128 + signum


def terminate(signum: int, _: FrameType | None) -> None:
    """Raises Interrupted, as Ctrl-C raises KeyboardInterrupt."""
    raise Interrupted(signum, "terminated")


class Signals:
    """What has come so far."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def said(self) -> int | None:
        """The number of the signal that came, or None."""
        return self.received[0] if self.received else None

    def after(self, step: int) -> int | None:
        """The same after a step, to be asked after every one: of several processes, all hear of it after the same."""
        if agreeing() and multihost_utils.reached_preemption_sync_point(step):
            self.received.append(signal.SIGTERM)
        return self.said()


def agreeing() -> bool:
    """Whether JAX listens to SIGTERM: it does from when the processes of a run have met, be it only one."""
    return jax.distributed.is_initialized()


@contextmanager
def finishing_steps() -> Iterator[Signals]:
    """Within it, the first signal is only remembered. The second one ends the process at once; a checkpoint being
    written then is not whole, and those before it are.

    Of several processes, each passes on what it hears, and JAX has them agree on a step: it listens to SIGTERM itself.
    """
    signals, heard, agree = Signals(), [], agreeing()

    def remember(signum: int, _: FrameType | None) -> None:
        if heard:
            os.write(2, b"\x1b[?25h\nleft at once\n" if os.isatty(2) else b"left at once\n")  # with the cursor again
            os._exit(128 + signum)
        heard.append(signum)
        if agree:
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            signals.received.append(signum)

    listened = (signal.SIGINT,) if agree else SIGNALS
    before = {number: signal.signal(number, remember) for number in listened}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
