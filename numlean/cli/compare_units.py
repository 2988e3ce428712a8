"""Compare the rules of two matrix units, and show dot products that tell them apart.

A unit's name is CHIP:OPERANDS[:INSTRUCTION][->OUTPUT], such as A100:fp16, H100:e4m3:wgmma or
"V100:fp16->fp16"; options follow, as in H100:bf16,model=mma. Units whose operands or outputs differ
in format have no dot product in common: only their rules are compared.

With --find, search for the shortest dot product for which the units give different results, and
show it with every step of both. --out writes all products that tell the units apart as test
vectors: JSON lines, or a numpy archive if the file's suffix is .npz. `numlean record-unit` executes
them on a GPU.
"""

from __future__ import annotations

import argparse
from typing import Final

from numlean.cli.interrupt import catch_interrupt
from numlean.cli.options.threads import add_threads_option
from numlean.cli.progress import progress
from numlean.cli.text_output import check_can_write
from numlean.errors import NumleanError
from numlean.files.messages import writing
from numlean.json_lines import json_line

_TRIALS: Final = 1_000_000
_STEPS_OF_A_BAR: Final = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("a", metavar="A", help="name of a matrix unit")
    parser.add_argument("b", metavar="B", help="name of another one")
    parser.add_argument(
        "--find", action="store_true", help="search for the shortest product that differs"
    )
    parser.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help=f"structured products that --find tries at most (default: {_TRIALS:,})",
    )
    parser.add_argument("--seed", type=int, metavar="S", help="seed of the trials (default: 0)")
    parser.add_argument(
        "--device", metavar="DEVICE", help="device that computes the trials (default: cpu)"
    )
    add_threads_option(parser)
    parser.add_argument(
        "--out", metavar="FILE", help="write the products as test vectors: JSON lines, or .npz"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and write the vectors."""
    from numlean.analysis.matrix_units import compare_units, write_vectors  # imports numpy

    for name in ("trials", "seed", "device"):
        if getattr(arguments, name) is not None and not arguments.find:
            raise NumleanError(f"--{name} is of the search; add --find")
    if arguments.out is not None:
        check_can_write("the vectors", arguments.out)
    trials = _TRIALS if arguments.trials is None else arguments.trials
    seed = 0 if arguments.seed is None else arguments.seed
    made, shown = 0, 0
    with catch_interrupt() as interrupt, progress("trials", _STEPS_OF_A_BAR) as advance:

        def on_batch(count: int) -> bool:
            nonlocal made, shown
            made += count
            while shown < made * _STEPS_OF_A_BAR // trials:
                shown += 1
                advance(f"{made:,}")
            return interrupt.requested

        result = compare_units(
            arguments.a,
            arguments.b,
            find=arguments.find,
            trials=trials,
            seed=seed,
            device=arguments.device or "cpu",
            on_batch=on_batch,
        )
        print(json_line(result.to_plain()) if arguments.json else result)
    if arguments.out is not None:
        vectors = result.vectors()
        with writing(f"the vectors {arguments.out}"):
            write_vectors(arguments.out, vectors)
    return interrupt.exit_status if interrupt.requested else 0
