import socket
import threading

import numpy as np
import pytest

from charrnn_jax.errors import InputError
from experiments import processes
from experiments.processes import Membership, absent, check, joined, leads, named, require_same, several
from experiments.watch import watching
from tests.faults.harness import run


@pytest.mark.parametrize("told", [(False, None, None, None), (True, None, None, None), (False, "host:1234", 2, 1)])
def test_who_is_who_is_said_once(told):
    check(Membership(*told))


@pytest.mark.parametrize(
    "told",
    [
        (True, "host:1234", 2, 0),
        (True, None, None, 0),
        (False, "host:1234", None, None),
        (False, None, 2, 0),
        (False, "host:1234", 2, 2),
        (False, "host:1234", 0, 0),
        (False, "host:1234", 2, -1),
        (False, "host", 2, 0),
        (False, "host:0", 2, 0),
        (False, "host:65536", 2, 0),
        (False, "host:12 34", 2, 0),
    ],
)
def test_anything_else_is_refused_with_what_is_right(told):
    with pytest.raises(InputError, match="use --coordinator HOST:PORT --processes N --process-id I together"):
        check(Membership(*told))


def test_one_process_leads_itself_and_waits_for_nobody():
    with joined(Membership()), watching():
        assert (several(), leads(), named()) == (False, True, "")
        require_same(3, "a number")
        assert "watch" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("message", "who"),
    [
        (
            "DEADLINE_EXCEEDED: Barrier timed out. # of tasks that reached the barrier: 1/4. The first task at the "
            "barrier: /job:jax_worker/replica:0/task:0. Some timed out task names:\n/job:jax_worker/replica:0/task:1\n"
            "/job:jax_worker/replica:0/task:3\n\nRPC: /xla.coordination.CoordinationService/Barrier task:0",
            "process 1, 3",
        ),
        (
            "DEADLINE_EXCEEDED: Barrier timed out. Id: roll call::0. This usually happens because a task triggered the "
            "barrier too early or too slowly. Please look at the task logs (both timed out and first task) to debug "
            "further.\n# of tasks that reached the barrier: 1/3.\nThe first task at the barrier: 0. Some timed out "
            "task names:\n1\n2\n\n\nRPC: /xla.coordination.CoordinationService/Barrier",
            "process 1, 2",
        ),
        (
            "INTERNAL: Task (1) is already in error before the barrier was called. Barrier Id: roll call::0 Task error:"
            " UNAVAILABLE: Task 1 heartbeat timeout.",
            "process 1",
        ),
        ("UNAVAILABLE: failed to connect to all addresses", "another process"),
    ],
)
def test_a_failed_barrier_says_who_has_not_come(message, who):
    assert absent(message) == who


def test_a_process_without_its_leader_says_where_it_looked(monkeypatch):
    monkeypatch.setattr(processes, "FOUND_WITHIN", 0.1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and does not listen
        where = f"127.0.0.1:{free.getsockname()[1]}"
        with (
            pytest.raises(InputError, match=f"process 0 is not there at {where}"),
            joined(Membership(False, where, 2, 1)),
        ):
            pass


def test_a_leader_whose_port_is_taken_says_so():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(InputError, match=f"process 0 cannot listen at {where}"),
            joined(Membership(False, where, 2, 0)),
        ):
            pass


def test_a_cluster_that_is_not_there_is_not_waited_for():
    done = run("train", "--distributed")
    assert done.returncode == 2
    assert "error: --distributed finds no SLURM, Open MPI or Kubernetes" in done.stderr.splitlines()[-1]


def test_a_folder_that_not_all_processes_see_is_refused(tmp_path, monkeypatch):
    """As any but the first sees it: that one leaves a mark there, or somewhere else."""
    monkeypatch.setattr(processes, "several", lambda: True)
    monkeypatch.setattr(processes, "leads", lambda: False)
    monkeypatch.setattr(processes, "wait_for_all", lambda _: None)
    monkeypatch.setattr(processes.multihost_utils, "broadcast_one_to_all", lambda _: np.int32(7))
    with pytest.raises(InputError, match="of process 0 is not seen here"):
        processes.require_shared(tmp_path)
    (tmp_path / "seen-7.part").touch()
    processes.require_shared(tmp_path)
