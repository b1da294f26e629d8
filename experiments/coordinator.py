"""The address at which process 0 waits for the others: whether it can listen there, and whether it does."""

import socket
import time

from charrnn_jax.errors import InputError


def require_free(coordinator: str) -> None:
    """Raises InputError where this process, which is process 0, cannot listen there."""
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            free.bind(("", int(coordinator.rpartition(":")[2])))
        except OSError as error:
            reason = f"process 0 cannot listen at {coordinator} ({error.strerror})"
            raise InputError(f"{reason}: use a free port of the host of process 0") from None


def require_answer(coordinator: str, seconds: float) -> None:
    """Raises InputError where process 0 does not listen there, for as long as it may take to start."""
    host, _, port = coordinator.rpartition(":")
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), 5).close()
            return
        except OSError as error:
            if time.monotonic() > until:
                reason = f"process 0 is not there at {coordinator} ({error.strerror or error})"
                raise InputError(f"{reason}: start it, and give its host and port") from None
            time.sleep(0.2)
