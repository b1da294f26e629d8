"""One run in several processes, on JAX's own distributed runtime: how they find each other, and how they part.

All of them take the same steps; process 0 leads: it alone talks, and writes what is not a checkpoint. Who ends with an
error ends at once, without a farewell that the others would have to wait for.
"""

import json
import os
import re
import secrets
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from charrnn_jax.errors import InputError
from experiments.coordinator import require_answer, require_free

FOUND_WITHIN = 120
"""Seconds in which all processes have to be there."""
SILENCE = 60
"""Seconds without a sign of life after which JAX takes a process for dead, and ends the others."""
ROLL_CALL = 10
"""Seconds to answer in when an exchange between processes has failed: to be the first to say why."""
LATE = 24 * 3600
"""Seconds to wait for a process that is alive: it may have a text to encode."""
OTHER = "another process"
ENDING = threading.Lock()
"""Of the thread that says why this process ends."""
FORM = "use --coordinator HOST:PORT --processes N --process-id I together, I from 0 to N - 1; or --distributed alone"


class Membership(NamedTuple):
    """What a process is told of those that it is one of: nothing, where it is alone."""

    distributed: bool = False
    """A cluster that JAX knows says the rest."""
    coordinator: str | None = None
    processes: int | None = None
    process_id: int | None = None


def check(told: Membership) -> None:
    """Raises InputError where it is not said, or said twice, who is who."""
    distributed, coordinator, processes, process_id = told
    given = [value is not None for value in told[1:]]
    if any(given) != all(given) or (distributed and any(given)):
        raise InputError(f"some of several processes: {FORM}")
    if coordinator is None or processes is None or process_id is None:
        return
    port = re.fullmatch(r"\S+:([1-9][0-9]{0,4})", coordinator, re.ASCII)
    if not port or int(port[1]) > 65535 or not 0 <= process_id < processes:
        raise InputError(f"process {process_id} of {processes} at {coordinator!r}: {FORM}")


@contextmanager
def joined(told: Membership) -> Iterator[None]:
    """Within it, this process is one of several, where it is told so: to be entered before JAX starts its devices.

    Raises InputError where the others are not found.
    """
    if told == Membership():
        yield
        return
    _find(told)
    with _saying_who_is_gone():
        yield


def several() -> bool:
    """Whether this process is one of several."""
    return jax.distributed.is_initialized() and jax.process_count() > 1


def leads() -> bool:
    """Whether it is this process that talks and writes."""
    return not several() or jax.process_index() == 0


def named() -> str:
    """Which one it is, for a line on standard error: nothing where it is alone."""
    return f" in process {jax.process_index()}" if several() else ""


def leave(code: int) -> None:
    """Ends this process after an error: one of several at once, so that the others notice and end as well."""
    if not several():
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    if leads():
        time.sleep(1)  # JAX ends all others when it goes: it lets them speak first
    os._exit(code)


def end_without(gone: str, reason: str) -> None:
    """Ends this process with a line that says who is gone: one line, however many threads notice."""
    ENDING.acquire()  # and is never released
    print(f"error: {gone} is gone or does not answer ({reason}): see what it said; --resume goes on", file=sys.stderr)
    leave(1)


def wait_for_all(name: str) -> None:
    """Until every process is there: a late one is waited for as long as it is alive."""
    if several():
        meet(name, LATE)


def require_same(what: str, value: Any) -> None:
    """Raises InputError where another process has another one; waits for all of them. `value` is of plain JSON."""
    if not several():
        return
    wait_for_all(what)
    digest = np.uint32(zlib.crc32(json.dumps(value, sort_keys=True).encode()))
    if len(set(multihost_utils.process_allgather(digest).tolist())) > 1:
        raise InputError(f"{what} is not the same for all processes: give them the same flags, and files")


def require_shared(folder: Path) -> None:
    """Raises InputError where it is not the folder of process 0; waits for all processes."""
    if not several():
        return
    wait_for_all("a folder")
    word = multihost_utils.broadcast_one_to_all(np.int32(secrets.randbelow(2**31)))
    mark = folder / f"seen-{word}.part"
    if leads():
        for left in folder.glob("seen-*.part"):  # by a run that was ended here
            left.unlink()
        mark.touch()
    wait_for_all("a mark in it")
    seen = mark.exists()
    wait_for_all("the mark, seen")
    if leads():
        mark.unlink()
    if not seen:
        raise InputError(
            f"{folder} of process 0 is not seen here: give all processes one folder, which all of them see"
        )


def _find(told: Membership) -> None:
    _, coordinator, processes, process_id = told
    if coordinator is not None and process_id:
        require_answer(coordinator, FOUND_WITHIN)
    elif coordinator is not None:
        require_free(coordinator)
    which = "as the cluster says" if coordinator is None else f"process {process_id} of {processes} at {coordinator}"
    # JAX ends a process that waits in vain by itself, and in many words.
    print(f"{which}: waits {FOUND_WITHIN} s at most for all to be there", file=sys.stderr)
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process_id,
            initialization_timeout=FOUND_WITHIN,
            heartbeat_timeout_seconds=SILENCE,
            shutdown_timeout_seconds=SILENCE,
        )
    except (ValueError, TypeError) as error:  # no cluster that JAX knows has started this process
        raise InputError(f"--distributed finds no SLURM, Open MPI or Kubernetes ({error}): {FORM}") from None


@contextmanager
def _saying_who_is_gone() -> Iterator[None]:
    """Where an exchange fails, a line that says which process is gone; this one ends then, and so do all others."""
    try:
        yield
    except Exception as error:
        missing = _missing() if several() and _of_exchange(error) else ""
        if not missing:
            raise
        end_without(missing, str(error).strip().partition("\n")[0][:200])


def _of_exchange(error: Exception) -> bool:
    """Whether it, or what it comes from, is of JAX's or Gloo's (which JAX raises as a ValueError)."""
    if "RESOURCE_EXHAUSTED" in str(error):  # of this process alone: the others only wait for it
        return False
    return any(isinstance(e, jax.errors.JaxRuntimeError) or "Gloo" in str(e) for e in (error, error.__cause__))


def _missing() -> str:
    """Which processes do not answer; nothing where all do."""
    try:
        meet("roll call", ROLL_CALL)
        return ""
    except jax.errors.JaxRuntimeError as error:
        return absent(str(error))


def absent(message: str) -> str:
    """Which processes a failed barrier of JAX's says have not come, or had failed before."""
    late = message.partition("timed out task names:")[2].partition("RPC")[0]
    numbers = re.findall(r"(?:^|task:)(\d+)$", late, re.M) or re.findall(r"Task \((\d+)\) is already in err", message)
    return f"process {', '.join(numbers)}" if numbers else OTHER


def meet(name: str, seconds: int) -> None:
    """Returns when all processes are there. Raises JaxRuntimeError where one is missing in the end."""
    from orbax.checkpoint import multihost  # which every experiment would have to wait for

    multihost.get_barrier_sync_fn()(key=name, timeout_ms=1000 * seconds)
