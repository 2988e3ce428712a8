"""Run all benchmarks of docs/benchmarks.md, keep their figures as JSON, and make the page's tables.

tools/measure_all [--kind native|avx2] [--only NAME ...] [--rounds N] [--pages]

The name ``goals`` stands for tools/measure_goals.py; all others for subjects of ``numlean bench``.

A file in docs/measurements/ has the figures of one processor with one kind of vectors. On a
processor with AVX-512 the figures of AVX2 are measured as well: numlean, OpenBLAS, numpy and
PyTorch are told to use no more. That is the same core with narrower instructions, not an older
processor, and the tables say so. --only measures some benchmarks again and keeps the others;
--pages makes the tables from the files as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measurement_pages import PAGE, read_files, render
from numlean.benchmarks.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "measurements"
KIND, VERSION = "numlean measurements", 1
GOALS = "goals"
GOALS_OF_KIND = {"native": "goals-after.json", "avx2": "goals-after-avx2.json"}
"""The files of the figures of goals."""

_PRODUCTS = ("--operation", "matmul", "--size", "512")
_HARDWARE = "float32,ieee32exec,float64,binary64exec"
_SMALL = "bfloat16,tf32,binary16,e4m3,e5m2"
_OTHERS = ("add", "mul", "div", "sqrt", "fma", "sum", "exp", "tanh", "from_float")
_ELEMENTWISE = tuple(word for name in _OTHERS for word in ("--operation", name))
_MP = tuple(f"mp:{p}{engine}" for p in (24, 200, 512) for engine in ("", "@engine=mpmath"))
_MP_OPERATIONS = ("add", "mul", "div", "sqrt", "fma", "sum")

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "limits": ("limits",),
    "products": ("kernels", "--dtypes", _HARDWARE, *_PRODUCTS),
    "small products": (*("kernels", "--dtypes", _SMALL, "--operation", "matmul", "--size", "256"),),
    "elementwise": ("kernels", "--dtypes", _HARDWARE, *_ELEMENTWISE),
    "small elementwise": ("kernels", "--dtypes", _SMALL, *_ELEMENTWISE),
    "operations": ("ops", "--dtypes", "float32,ieee32exec", "--flags"),
    "functions": ("functions", "--dtypes", "float32,ieee32exec,float64,binary64exec"),
    "mp": (
        *("ops", "--dtypes", ",".join(_MP)),
        *(word for name in _MP_OPERATIONS for word in ("--operation", name)),
    ),
    "steps": ("backends",),
    "digits": ("step", "--dtypes", f"float64,float32,ieee32exec,{','.join(_MP)}"),
    "policies": ("policies",),
    "blocks": ("blocks",),
    "units": (
        *(
            "matrix-units",
            "--unit",
            "A100:fp16",
            "--unit",
            "H100:bf16",
            "--unit",
            "H100:e4m3:wgmma",
        ),
        *("--unit", "A100:tf32"),
    ),
    "lockstep": ("crosscheck",),
    "threads": ("threads", "--dtypes", "float32,bfloat16"),
}
"""The arguments of ``numlean bench`` for each benchmark, in the order in which they run."""

ROUNDS = {
    "limits": 40,
    "mp": 3,
    "digits": 5,
    "blocks": 5,
    "policies": 30,
    "steps": 30,
    "threads": 7,
}
"""The rounds of those that need others than 15."""

SLOWED_BY_ENVIRONMENT = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""What a machine may set and measurements must not: it chooses slower kernels for OpenBLAS."""


def environment_of(kind: str, machine: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment of the benchmarks: all instructions, or those of AVX2 only."""
    kept = {k: v for k, v in os.environ.items() if k not in SLOWED_BY_ENVIRONMENT}
    if kind == "native":
        return kept
    is_amd = machine["processor"]["vendor"] == "AuthenticAMD"
    return kept | {
        "NUMBA_CPU_NAME": "znver3" if is_amd else "haswell",
        "NUMBA_CPU_FEATURES": "",
        "OPENBLAS_CORETYPE": "Zen" if is_amd else "Haswell",
        "NPY_DISABLE_CPU_FEATURES": " ".join(_wide_features_of_numpy()),
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }


def _wide_features_of_numpy() -> list[str]:
    import numpy as np

    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return [name for name in found if name.startswith("AVX512") or name == "X86_V4"]


def kinds_of(machine: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of vectors to measure on a machine."""
    has_more = "avx512f" in machine["processor"]["instruction_sets"]
    return ("native", "avx2") if has_more else ("native",)


def file_of(machine: Mapping[str, Any], folder: Path) -> Path:
    """Return the file of a processor and the kind of its vectors."""
    bits, architecture = (
        machine["compiled_for"]["vector_bits"],
        machine["processor"]["architecture"],
    )
    is_x86 = architecture in ("x86_64", "AMD64")
    names = {512: "avx512", 256: "avx2", 128: "sse"} if is_x86 else {128: "neon"}
    kind = names.get(bits, f"{bits}")
    return folder / f"{machine['processor']['llvm_name']}-{kind}.json"


def measured(arguments: tuple[str, ...], rounds: int | None, environment: dict[str, str]) -> Any:
    """Return the document of a run of ``numlean bench``.

    Raises:
        SystemExit: The benchmark failed, or found bits that differ.
    """
    words = [sys.executable, "-m", "numlean", "bench", *arguments, "--json"]
    words += [] if rounds is None else ["--rounds", str(rounds)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words[2:])}: {done.stderr[-1000:]}{done.stdout[-1000:]}")
    return json.loads(done.stdout)


def measure(kind: str, names: list[str], rounds: int | None, folder: Path) -> None:
    """Run benchmarks, and keep their figures in the file of the machine and kind."""
    environment, document = environment_of(kind, describe_machine()), None
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        began = time.perf_counter()
        if name == GOALS:
            measure_goals(environment, folder / GOALS_OF_KIND[kind])
        else:
            one = measured(BENCHMARKS[name], rounds or ROUNDS.get(name), environment)
            machine = one.pop("machine")
            path = file_of(machine, folder)
            if document is None:
                document = json.loads(path.read_text()) if path.exists() else {"benchmarks": {}}
                document |= {"kind": KIND, "version": VERSION, "machine": machine}
                document["is_imitated"] = kind != "native"
            one |= {"date": machine["date"], "load": machine["load"]}
            document["benchmarks"][name] = one | {"revision": machine["revision"]}
            path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        print(f"{kind} {name}: {time.perf_counter() - began:.0f} s", flush=True)


def measure_goals(environment: Mapping[str, str], path: Path) -> None:
    """Run tools/measure_goals.py on this revision, all parts anew."""
    path.unlink(missing_ok=True)
    revision = describe_machine()["revision"]
    words = [sys.executable, str(ROOT / "tools" / "measure_goals.py"), "--out", str(path)]
    words += ["--label", f"commit {revision[:10]}" if revision else "no commit"]
    subprocess.run(words, env=environment, check=True)


def main(argv: list[str] | None = None) -> int:
    """Measure, and write the files and the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=("native", "avx2"), action="append")
    parser.add_argument("--only", choices=(*BENCHMARKS, GOALS), action="append", metavar="NAME")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of every benchmark")
    parser.add_argument("--pages", action="store_true", help="measure nothing, write the page")
    parser.add_argument("--folder", type=Path, default=FOLDER, help=argparse.SUPPRESS)
    parser.add_argument("--page", type=Path, default=PAGE, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if not arguments.pages:
        for kind in arguments.kind or kinds_of(describe_machine()):
            names = arguments.only or [*BENCHMARKS, GOALS]
            measure(kind, names, arguments.rounds, arguments.folder)
    text = arguments.page.read_text(encoding="utf-8")
    arguments.page.write_text(render(text, read_files(arguments.folder)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
