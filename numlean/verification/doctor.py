"""The parts of an installation, and a check that each device computes the specified bits."""

from __future__ import annotations

import hashlib
import os
import platform
from typing import Final

import numpy as np

from numlean.digest import state_digest
from numlean.errors import UnavailableError
from numlean.process.processors import processor_name
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar
from numlean.tasks import get_task
from numlean.training import Options, instantiate, run_steps
from numlean.version import version_of
from numlean_kernels.threads import available_processors

PACKAGES: Final = (
    *("numpy", "numba", "llvmlite", "mpmath", "scikit-learn"),
    *("gmpy2", "softfloat", "torch", "numba-cuda", "cuda-core", "cuda-bindings"),
    *("nvidia-nvvm", "nvidia-nvjitlink", "nvidia-cuda-runtime"),
)
"""The packages that an installation has or may have."""

EXPECTED: Final = {
    "float32": "529344f5c63e6130",
    "float64": "3aaa0c09811add54",
    "ieee32exec": "529344f5c63e6130",
    "bfloat16": "e7636eac25a13277",
    "float32 training": "64da6c3cba59942d",
    "ieee32exec training": "64da6c3cba59942d",
}
"""The first digits of the digest of each part of the check.

The bits of hardware and emulation are the same, payloads of NaNs among them."""

_MISSING: Final = "not installed"
_COUNT: Final = 48
_ODD: Final = 0x9E3779B97F4A7C15
_STEPS: Final = 3


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages used; "not installed" where missing."""
    packages = {name: version_of(name) or _MISSING for name in ("numlean", *PACKAGES)}
    return {"numlean": packages["numlean"], "python": platform.python_version()} | packages


def machine() -> dict[str, str]:
    """Return the processor, the number of threads available, and the state of the kernel cache."""
    from llvmlite import binding

    from numlean_kernels.targets.cache import describe_cache

    return {
        "system": platform.platform(),
        "processor": f"{processor_name()} ({binding.get_host_cpu_name()} to LLVM)",
        "threads": f"{available_processors()} of {os.cpu_count()}",
        "kernels kept in": describe_cache(),
    }


def gpu() -> dict[str, str]:
    """Return CUDA's versions and devices; empty where it is not installed."""
    try:
        from numlean_kernels.targets.cuda import describe_installation
    except ImportError:
        return {}
    return describe_installation()


def wrong_parts(device: str) -> list[str]:
    """Return the parts of a device's check that do not give the expected bits.

    The parts are operations on encodings of all kinds (subnormal, infinite and NaN), products and
    sums, and a few steps of training on each engine.

    Raises:
        UnavailableError: The device is missing.
    """
    return [part for part, found in digests(device).items() if found != {EXPECTED[part]}]


def digests(device: str) -> dict[str, set[str]]:
    """Return the digests of all parts of a device's check; training has one for each engine.

    Raises:
        UnavailableError: The device is missing.
    """
    found: dict[str, set[str]] = {}
    for part in EXPECTED:
        dtype, *training = part.split()
        if training:
            found[part] = {_trained(dtype, device, name) for name in ("eager", "compiled")}
        else:
            found[part] = {_computed(get_scalar(dtype, device))}
    return found


def _computed(s: Scalar) -> str:
    if s.format is None:
        raise UnavailableError(f"{s.name} has no format, so its encodings cannot be checked")
    width = s.format.width
    bits = [k * _ODD % (1 << 64) >> (64 - width) for k in range(3 * _COUNT)]
    x, y, z = s.from_bits(np.array(bits, s.format.storage_dtype)).reshape(3, _COUNT)
    small = s.scaleb(x, np.full(_COUNT, -100))  # many are subnormal
    numbers = s.from_float(np.array(bits[:_COUNT]) / 2.0**width - 0.25)
    a, b = numbers.reshape(6, 8), numbers.reshape(8, 6)
    results = [s.add(x, y), s.sub(x, y), s.mul(x, y), s.div(x, y), s.sqrt(x), s.fma(x, y, z)]
    results += [s.mul(small, numbers), s.sub(s.mul(numbers, numbers), numbers)]
    results += [s.minimum(x, y), s.exp(numbers), s.matmul(a, b), s.matmul(a, b, contraction="fma")]
    results += [s.sum(a, 1), s.sum(a, 0, reduction="pairwise"), s.copy(a.T)]
    return _digest(b"".join(map(s.to_bytes, results)))


def _trained(dtype: str, device: str, backend: str) -> str:
    named = get_task("xor")
    scalar = get_scalar(dtype, device)
    runner = instantiate(named.task, scalar, Options(backend=backend))
    run_steps(runner, named.config(steps=_STEPS), named.train_data_for(scalar))
    return state_digest(runner.named_parameters)[:16]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
