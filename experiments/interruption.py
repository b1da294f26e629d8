"""Ctrl-C and SIGTERM: the step in progress is finished, and then whoever trains saves and leaves."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal said to stop: nothing is wrong, and nobody who mends errors is to hold it up."""

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.exit_code = 128 + signum


def terminate(signum: int, _: FrameType | None) -> None:
    """Raises Interrupted, as Ctrl-C raises KeyboardInterrupt."""
    raise Interrupted(signum, "terminated")


@contextmanager
def finishing_steps() -> Iterator[Callable[[], int | None]]:
    """Within it, the first signal is only remembered: `said()` gives its number, or None. The second one ends the
    process at once; a checkpoint being written then is not whole, and those before it are."""
    received: list[int] = []

    def remember(signum: int, _: FrameType | None) -> None:
        if received:
            os.write(2, b"\x1b[?25h\nleft at once\n" if os.isatty(2) else b"left at once\n")  # with the cursor again
            os._exit(128 + signum)
        received.append(signum)

    before = {number: signal.signal(number, remember) for number in SIGNALS}
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
