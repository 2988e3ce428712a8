"""Count the instructions of the loops over terms of matrix products, in the machine code itself.

python tools/loop_instructions.py [--dtypes A,B] [--size N] [--cpu NAME] [--mca PROGRAM]

Each product is compiled in a new process with an empty cache of kernels, for this processor or for
--cpu NAME (such as haswell, znver3, sapphirerapids), which need not be able to run here: code for
another processor is compiled, not run. Of all inner loops the one with the most products in vectors
is shown: its vectors, its loads, and its instructions for each vector of products. --mca llvm-mca
adds how many cycles LLVM's model of the processor needs for one pass. A term of a product of n
lanes is one multiplication and one addition for each of them.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_PRODUCT = re.compile(r"v?(mul|fmadd\d*|fn?m(add|sub)\d*)p[sd]$")
_SUM = re.compile(r"v?addp[sd]$")
_LABEL = re.compile(r"([.\w$]+):")
_JUMP = re.compile(r"j\w+\s+([.\w$]+)$")
_REGISTER = re.compile(r"%([xyz])mm\d+")
_MEMORY_SOURCE = re.compile(r"^(?!lea)\S+\s.*\([^)]*\)(\{[^}]*\})?, ")
_BITS = {"x": 128, "y": 256, "z": 512}

_PROGRAM = """
import numpy as np
from numlean.scalar.registry import get_scalar
s = get_scalar({dtype!r}, fast_kernels=True)
a, b = (s.from_float(np.ones(({size}, {size}))) for _ in range(2))
print("BEGIN")
s.matmul(a, b, contraction={contraction!r})
"""


@dataclass(frozen=True)
class Loop:
    """The instructions of one pass through an inner loop."""

    lines: tuple[str, ...]

    @property
    def names(self) -> Counter[str]:
        """The instructions by name."""
        return Counter(line.split()[0] for line in self.lines)

    @property
    def products(self) -> int:
        """The multiplications of vectors, fused ones as well."""
        return sum(n for name, n in self.names.items() if _PRODUCT.match(name))

    @property
    def sums(self) -> int:
        """The additions of vectors that are not fused."""
        return sum(n for name, n in self.names.items() if _SUM.match(name))

    @property
    def loads(self) -> int:
        """The instructions that read memory."""
        return sum(bool(_MEMORY_SOURCE.search(line)) for line in self.lines)

    @property
    def spills(self) -> int:
        """The vectors that the stack keeps."""
        return sum("(%rsp)" in line and bool(_REGISTER.search(line)) for line in self.lines)

    @property
    def vectors(self) -> int:
        """The instructions on vectors."""
        return sum(bool(_REGISTER.search(line)) for line in self.lines)

    @property
    def bits(self) -> int:
        """The bits of the widest vectors."""
        return max(
            (_BITS[each] for line in self.lines for each in _REGISTER.findall(line)), default=0
        )


def inner_loops(assembly: str) -> Iterator[Loop]:
    """Yield the loops without loops in them."""
    lines = [line.partition("#")[0].strip() for line in assembly.splitlines()]
    labels: dict[str, int] = {}
    for n, line in enumerate(lines):
        if label := _LABEL.match(line):
            labels[label[1]] = n
        jump = _JUMP.match(line)
        if jump and jump[1] in labels:
            body = lines[labels[jump[1]] + 1 : n + 1]
            if not any(_LABEL.match(one) for one in body):
                yield Loop(tuple(one for one in body if one and not one.startswith(".")))


def busiest_loop(assembly: str) -> Loop | None:
    """Return the inner loop with the most products in vectors, and of those the shortest."""
    loops = [loop for loop in inner_loops(assembly) if loop.products]
    return max(loops, key=lambda loop: (loop.products, -len(loop.lines)), default=None)


def assembly_of(dtype: str, contraction: str, size: int, cpu: str | None) -> str:
    """Return the machine code that a product compiles, as text.

    Raises:
        SystemExit: The dtype is unknown, or has no fast kernels.
    """
    program = _PROGRAM.format(dtype=dtype, size=size, contraction=contraction)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "NUMBA_DUMP_ASSEMBLY": "1"}
        if cpu is not None:
            environment |= {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": ""}
        words = [sys.executable, "-c", program]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode and "BEGIN" not in done.stdout:
        raise SystemExit(done.stderr.splitlines()[-1] if done.stderr else f"{dtype} failed")
    return done.stdout.partition("BEGIN")[2]


def cycles_of(loop: Loop, cpu: str, program: str) -> float:
    """Return the cycles of a pass, in LLVM's model of a processor, by llvm-mca."""
    # The jump is left out: llvm-mca repeats the lines.
    text = "\n".join(line for line in loop.lines if not line.startswith("j")) + "\n"
    words = [program, f"-mcpu={cpu}", "-iterations=200", "-mtriple=x86_64-linux-gnu"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=True)
    found = re.search(r"Total Cycles:\s+(\d+)", done.stdout)
    assert found is not None
    return int(found[1]) / 200


def main(argv: list[str] | None = None) -> int:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dtypes", default="float32,float64", metavar="A,B")
    parser.add_argument("--size", type=int, default=256, metavar="N")
    parser.add_argument("--cpu", metavar="NAME", help="processor to compile for")
    parser.add_argument("--mca", metavar="PROGRAM", help="llvm-mca")
    parser.add_argument("--show", action="store_true", help="print the loops, too")
    arguments = parser.parse_args(argv)
    from llvmlite import binding

    cpu = arguments.cpu or binding.get_host_cpu_name()
    head = ["", "bits", "products", "sums", "loads", "all", "all / product", "spills"]
    head += ["cycles", "products a cycle"] if arguments.mca else []
    print(f"| {' | '.join(head)} |\n|---|{'---:|' * (len(head) - 1)}")
    for dtype in arguments.dtypes.split(","):
        for contraction in ("separate", "fma"):
            loop = busiest_loop(assembly_of(dtype, contraction, arguments.size, arguments.cpu))
            if loop is None:
                print(f"| `{dtype}`, {contraction} | no products in vectors |")
                continue
            counts = [loop.bits, loop.products, loop.sums, loop.loads, len(loop.lines)]
            cells = [*map(str, counts), f"{len(loop.lines) / loop.products:.2f}", str(loop.spills)]
            if arguments.mca:
                cycles = cycles_of(loop, cpu, arguments.mca)
                cells += [f"{cycles:.1f}", f"{loop.products / cycles:.2f}"]
            print(f"| `{dtype}`, {contraction} | {' | '.join(cells)} |", flush=True)
            if arguments.show:
                print("\n".join(loop.lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
