"""The environment of a run, for information: it does not affect any bit."""

from __future__ import annotations

import os
import platform

from numlean.checkpoint.fingerprint import Plain
from numlean.training import Runner
from numlean.version import version_of
from numlean_kernels.threads import THREADS

_PACKAGES = ("numpy", "numba", "llvmlite", "mpmath", "gmpy2", "scikit-learn")


def environment_of(runner: Runner, *, fast_kernels: bool) -> dict[str, Plain]:
    """Return how a runner is executed, on which machine and with which software."""
    import llvmlite.binding as llvm  # slow to import, and not needed to read a certificate

    return {
        "device": runner.scalar.device,
        "backend": runner.options.backend,
        "fast_kernels": fast_kernels,
        "python": platform.python_version(),
        **{name: version_of(name) for name in _PACKAGES},
        "platform": platform.system(),
        "machine": platform.machine(),
        "cpu": llvm.get_host_cpu_name(),
        "NUMBA_CPU_NAME": os.environ.get("NUMBA_CPU_NAME"),
        "threads": THREADS.count,
    }
