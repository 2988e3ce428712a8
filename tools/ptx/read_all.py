"""Read and assemble the PTX of every CUDA kernel: ``python -m ptx.read_all [FORMAT ...]``.

For each format, those of registered dtypes by default and others as eXmY, the usual arithmetic and
all that differ from it in one option; binary32 and binary64 on the hardware as well; posits, takums
and fixed-point numbers of several widths. Formats of P3109 are p3109:K.P. Prints the number of
kernels read, and ends with status 1 if a kernel has an instruction that it must not have, or cannot
be assembled.
"""

import gc
import os
import sys
from itertools import zip_longest
from multiprocessing import get_context
from time import perf_counter

from numba.cuda import dispatcher

from numlean.scalar.registry import scalar_backends
from numlean_kernels.fixed.formats import Beyond, FixedArithmetic, FixedFormat
from numlean_kernels.formats import parse_format, parse_p3109
from numlean_kernels.ieee.arithmetic import Rounding
from numlean_kernels.logarithmic.formats import LogArithmetic, LogFormat
from numlean_kernels.tapered.formats import Posit, Takum
from ptx.fake_driver import FakeDevice
from ptx.kernels import (
    CAPABILITIES,
    NUMBERLESS,
    every_numbers,
    fixed_point,
    logarithmic,
    of_block_format,
    of_unit,
    parts,
    tapered,
)
from ptx.reading import read
from ptx.workloads import BLOCKS, UNITS

ON_INTEGERS = [
    *(tapered(format) for format in (Posit(3, 2), Posit(8), Posit(32, 0), Takum(5), Takum(32))),
    *(
        logarithmic(LogArithmetic(LogFormat(*widths), rounding))
        for widths in ((2, 0), (5, 10))
        for rounding in (Rounding.TIES_TO_EVEN, Rounding.TO_ODD)
    ),
    *(
        fixed_point(FixedArithmetic(FixedFormat(*widths), rounding, beyond))
        for widths in ((4, 4), (1, 31), (0, 16, False))
        for rounding in (Rounding.TIES_TO_EVEN, Rounding.TO_ODD)
        for beyond in Beyond
    ),
]
"""Arithmetics without a format, of the smallest and largest widths."""

BORDERS = ("e2m1", "e11m1", "e2m52", "e8m24", "e9m22", "e9m23")
"""Formats of ieee:eXmY of the smallest and largest widths, and next to 32 bits."""


P3109 = ("p3109:3.1", "p3109:4.4uf", "p3109:8.3", "p3109:8.1u", "p3109:16.11f")
"""Formats of P3109: signed and unsigned, extended and finite, with and without trailing bits."""


def format_of(text):
    """Return the format of ``eXmY`` or of ``p3109:K.P``."""
    family, colon, argument = text.partition(":")
    return parse_p3109(argument) if colon and family == "p3109" else parse_format(text)


def formats():
    """Return the formats of all registered dtypes that run on CUDA, by name."""
    on_cuda = [backend for _, backend in scalar_backends() if "cuda" in backend.devices]
    named = {each.format.name: each.format for each in on_cuda if each.format is not None}
    return named | {text: format_of(text) for text in (*BORDERS, *P3109)}


def tasks(chosen):
    """Yield lists of parts, one for each process; the default arithmetics come first."""
    yield [NUMBERLESS]
    yield from ([of_unit(name)] for name in UNITS)
    yield from ([of_block_format(name)] for name in BLOCKS)
    yield from (parts(numbers) for numbers in ON_INTEGERS)
    of_formats = [[parts(numbers) for numbers in every_numbers(format)] for format in chosen]
    for several in zip_longest(*of_formats, fillvalue=None):
        yield from filter(None, several)


def done(place):
    """Run a task; return its name, the number of kernels, the violations and the time."""
    gc.disable()  # nothing is left over from one task to another, and much is made
    start, count, found = perf_counter(), 0, {}
    for part in TASKS[place]:
        read_here, wrong = read(part.kernels())
        count, found = count + read_here, found | wrong
    return TASKS[place][0].name.partition(":")[0], count, found, perf_counter() - start


def main():
    """Read all kernels, in one process per processor; return whether any has violations."""
    start, kernels, violations = perf_counter(), 0, 0
    written = " and ".join(f"{major}.{minor}" for major, minor in CAPABILITIES)
    print(f"kernels of each arithmetic, read for compute capabilities {written}", flush=True)
    with get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        for name, count, found, seconds in pool.imap_unordered(done, range(len(TASKS))):
            print(f"{count:5}  {name}  {seconds:.0f} s", flush=True)
            for place, wrong in found.items():
                print(f"       {' '.join(map(str, place))}: {', '.join(wrong)}", flush=True)
            kernels, violations = kernels + count, violations + len(found)
    minutes = (perf_counter() - start) / 60
    print(f"{kernels:5}  kernels of {len(TASKS)} arithmetics in {minutes:.0f} min")
    print(f"{violations:5}  have an instruction that they must not have, or cannot be assembled")
    return bool(violations)


if __name__ == "__main__":
    named = formats()
    TASKS = list(tasks([named.get(x) or format_of(x) for x in sys.argv[1:]] or named.values()))
    dispatcher.get_current_device = lambda: FakeDevice(CAPABILITIES[0])
    sys.exit(main())
