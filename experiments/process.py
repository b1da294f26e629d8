"""What our experiments set for their own process before JAX starts, and why; and what it then runs on."""

import os
import platform
import sys

import jax

from experiments.environment import cores

MALLOC = ("hugetlb=1", "arena_max=1", "mmap_threshold=1073741824", "trim_threshold=4294967296")
TUNABLES = ":".join(f"glibc.malloc.{tunable}" for tunable in MALLOC)
XLA = (
    "--xla_cpu_multi_thread_eigen=false",
    # The one that would order operations for many threads leaves a core that has a device of its own 5 % slower.
    "--xla_cpu_enable_concurrency_optimized_scheduler=false",
    # Of the elementwise loops, where a CPU has vectors as wide: LLVM's own choice is half of that.
    "--xla_cpu_prefer_vector_width=512",
)


def settings() -> dict[str, str]:
    """The environment variables that make every core a device and keep memory, in huge pages, between steps.

    Two cores that share the small products inside a recurrence wait for each other; with half of the streams each
    they meet once a step. Buffers that go back to the system are zeroed and faulted in anew at every step, 4 KiB at a
    time. What the user has set stays.
    """
    flags, ours = os.environ.get("XLA_FLAGS", ""), {}
    if "xla_force_host_platform_device_count" not in flags:
        ours["XLA_FLAGS"] = " ".join([flags, f"--xla_force_host_platform_device_count={cores()}", *XLA]).strip()
    if platform.libc_ver()[0] == "glibc" and "GLIBC_TUNABLES" not in os.environ:
        ours["GLIBC_TUNABLES"] = TUNABLES
    return ours


def prepare() -> None:
    """Gives this process those settings: glibc reads its own when a process starts, so that Python starts once more."""
    ours = settings()
    os.environ.update(ours)
    if "GLIBC_TUNABLES" in ours:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def on_nvidia() -> bool:
    """Whether JAX computes on an NVIDIA GPU: cuDNN's LSTM is then chosen (`LanguageModel.cudnn`). Starts JAX."""
    device = jax.devices()[0]
    return device.platform == "gpu" and "cuda" in device.client.platform_version.lower()
