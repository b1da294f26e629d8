from contextlib import contextmanager

from experiments import process
from experiments.scaling import threads


def test_one_device_has_none_of_our_flags_and_all_of_the_users(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    monkeypatch.setenv("XLA_FLAGS", process.settings()["XLA_FLAGS"])
    assert threads.flags_of_one_device() == f"--xla_cpu_enable_fast_math=false {threads.ONE_DEVICE}"


def test_both_ways_take_turns_and_the_ratio_is_of_the_same_round(monkeypatch):
    started = {}

    @contextmanager
    def workers(programs, cell, size, precision):
        started.update(programs)
        assert (cell, size, precision) == ("lstm", "S", "float32")
        yield programs

    monkeypatch.setattr(threads, "workers", workers)
    taken = {"ours": [1.0, 2.0, 4.0], "ours_threads": [2.0, 6.0, 8.0]}
    monkeypatch.setattr(threads, "take_turns", lambda *_: taken)
    found = threads.compare("S", 3)
    assert threads.ONE_DEVICE in started["ours_threads"]["XLA_FLAGS"]
    assert (found["devices_seconds"], found["threads_seconds"], found["ratio"]) == (2.0, 6.0, 2.0)
    assert found["ratio_quartiles"] == [2.0, 2.5]
