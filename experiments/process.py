"""What our experiments set for their own process before JAX starts, and why."""

import os
import platform
import sys

MALLOC = ("hugetlb=1", "mmap_threshold=1073741824", "trim_threshold=4294967296")
TUNABLES = ":".join(f"glibc.malloc.{tunable}" for tunable in MALLOC)


XLA = (
    "--xla_cpu_multi_thread_eigen=false",
    # The one that would order operations for many threads leaves a core that has a device of its own 5 % slower.
    "--xla_cpu_enable_concurrency_optimized_scheduler=false",
)


def prepare() -> None:
    """Makes every core a device and keeps memory, in huge pages, from one step to the next: starts Python once more.

    Two cores that share the small products inside a recurrence wait for each other; with half of the streams each
    they meet once a step. Buffers that go back to the system are zeroed and faulted in anew at every step, 4 KiB at a
    time; glibc reads how it is to keep them when a process starts, and only then.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_force_host_platform_device_count" not in flags:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ours = f"--xla_force_host_platform_device_count={cores}", *XLA
        os.environ["XLA_FLAGS"] = " ".join([flags, *ours]).strip()
    if platform.libc_ver()[0] == "glibc" and "GLIBC_TUNABLES" not in os.environ:
        os.environ["GLIBC_TUNABLES"] = TUNABLES
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
