"""The machine on which speed is measured: what decides how fast it can be."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Final

from numlean.benchmarks.blas import blas_facts
from numlean.process.processors import (
    physical_cores,
    processor_identity,
)
from numlean.verification.doctor import PACKAGES
from numlean.version import __version__, version_of
from numlean_kernels.processor_caches import processor_caches
from numlean_kernels.threads import THREADS, available_processors

_INSTRUCTION_SETS: Final = (
    *("sse4.2", "avx", "avx2", "fma", "f16c", "bmi2"),
    *("avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512vnni", "avx512bf16", "avx512fp16"),
    *("amx-tile", "amx-bf16", "amx-int8", "neon", "sve", "sve2", "bf16", "fullfp16"),
)
"""LLVM's names of the instructions that matter to vector code."""

_PREFIXES: Final = ("NUMBA_CPU_", "NUMLEAN_", "OPENBLAS_", "OMP_NUM_", "MKL_NUM_", "NUMBA_NUM_")
"""The environment variables that choose instructions and threads start so."""

_FURTHER_PACKAGES: Final = ("ml_dtypes",)
"""Packages that only measurements use."""


def describe_machine() -> dict[str, Any]:
    """Return the processor, the system and the versions; None for what is not known.

    docs/reference.md documents the fields.
    """
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    names = (*PACKAGES, *_FURTHER_PACKAGES)
    versions = {"python": platform.python_version(), "numlean": __version__}
    versions |= {name: found for name in names if (found := version_of(name)) is not None}
    return {
        "processor": {
            **processor_identity(),
            "architecture": platform.machine(),
            "llvm_name": binding.get_host_cpu_name(),
            "cores": physical_cores(),
            "processors": os.cpu_count(),
            "processors_available": available_processors(),
            "caches": [vars(cache) for cache in processor_caches()],
            "instruction_sets": [name for name in _INSTRUCTION_SETS if features.get(name)],
        },
        "compiled_for": compiled_for(),
        "threads": THREADS.count,
        "system": platform.platform(),
        "versions": versions,
        "revision": _revision(),
        "blas": blas_facts(),
        "environment": {
            name: os.environ[name] for name in sorted(os.environ) if name.startswith(_PREFIXES)
        },
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": _load(),
    }


def compiled_for() -> dict[str, Any]:
    """Return the processor that numba compiles for, and the vectors of matrix products there."""
    from numba.core.registry import cpu_target

    from numlean_kernels.targets.vector_matmul.machine import fuses, machine

    _, name, _ = cpu_target.target_context.codegen().magic_tuple()
    vectors = machine()
    return {
        "processor": name,
        "vector_bits": vectors.bits,
        "vector_registers": vectors.registers,
        "fma": fuses(),
    }


def _load() -> list[float] | None:
    """Return the processes that were running or waiting in the last 1, 5 and 15 minutes."""
    with suppress(AttributeError, OSError):  # not on Windows
        return [round(each, 2) for each in os.getloadavg()]
    return None


def _revision() -> str | None:
    """Return the commit of the installed sources; None if it is not recorded.

    ``+`` at the end means that files differ from that commit.
    """
    with suppress(PackageNotFoundError, ValueError, KeyError):
        recorded = json.loads(distribution("numlean").read_text("direct_url.json") or "{}")
        if "vcs_info" in recorded:
            return str(recorded["vcs_info"]["commit_id"])
    root = Path(__file__).resolve().parents[2]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    commit, changes = (
        _output([git, "-C", str(root), *words])
        for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
    )
    return None if commit is None else commit + ("+" if changes else "")


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
