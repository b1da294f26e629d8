"""What our experiments set for their own process before JAX starts, and why."""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def prepare() -> None:
    """Makes every core a device, and lets the allocator keep what is freed.

    Two cores that share the small products inside a recurrence wait for each other; with half of the streams each
    they meet once a step. Buffers that go back to the system are zeroed and faulted in anew at every step.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_force_host_platform_device_count" not in flags:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        ours = f"--xla_force_host_platform_device_count={cores} --xla_cpu_multi_thread_eigen=false"
        os.environ["XLA_FLAGS"] = f"{flags} {ours}".strip()
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 2**30)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
