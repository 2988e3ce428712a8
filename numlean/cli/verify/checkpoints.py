"""Change checkpoints in every way, or kill training at any moment.

A changed checkpoint must be refused in one line, with nothing of it loaded; a killed run that is
resumed must end with the bits of one that was not. Exit status 1 if one is not so.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.scalar.dtype import split_dtype_list

if TYPE_CHECKING:
    from numlean.verification.checkpoints import KillOutcome

_DTYPES = "float64,float32,ieee32exec,bfloat16,e4m3,mp:200,ieee32exec@round=stochastic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument(
        "--mutations", type=int, default=0, metavar="N", help="changed checkpoints to offer"
    )
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="processes to kill")
    parser.add_argument(
        "--dtypes", default=_DTYPES, metavar="A,B,...", help="in turn (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, default=200, metavar="N", help="of the runs that are killed"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="names what is drawn")


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a table of each."""
    if arguments.mutations < 1 and arguments.kills < 1:
        raise NumleanError("say how many: --mutations N, --kills N")
    dtypes, status = split_dtype_list(arguments.dtypes), 0
    with TemporaryDirectory() as folder:
        if arguments.mutations > 0:
            status |= _mutate(dtypes, arguments.mutations, arguments.seed, Path(folder))
        if arguments.kills > 0:
            status |= _kill(dtypes, arguments, Path(folder))
    return status


def _mutate(dtypes: list[str], count: int, seed: int, folder: Path) -> int:
    from numlean.verification.checkpoints import KINDS, CorruptedRun, mutations

    tried: Counter[str] = Counter()
    clean: Counter[str] = Counter()
    examples: dict[str, str] = {}
    with progress("mutations", count) as advance:
        for k, dtype in enumerate(dtypes):
            victim = CorruptedRun(dtype, folder)
            share = count // len(dtypes) + (k < count % len(dtypes))
            for mutation in mutations(victim.content, share, seed=seed + k):
                refusal = victim.try_load(mutation)
                tried[refusal.kind] += 1
                clean[refusal.kind] += refusal.is_clean
                examples[refusal.kind] = refusal.message or "TAKEN"
                advance(dtype)
    print(f"{count:,} changed checkpoints of {', '.join(dtypes)}")
    print(f"  {'':<31} {'offered':>8} {'refused':>8}  the last was told")
    for kind in KINDS:
        print(f"  {kind:<31} {tried[kind]:>8} {clean[kind]:>8}  {examples.get(kind, '')[:100]}")
    print(f"  {'all':<31} {tried.total():>8} {clean.total():>8}")
    return int(clean != tried)


def _kill(dtypes: list[str], arguments: argparse.Namespace, folder: Path) -> int:
    from numlean.verification.checkpoints import kill_and_resume, uninterrupted

    draw, count, all_equal = random.Random(arguments.seed), arguments.kills, 0
    print(f"{count:,} runs of xor, {arguments.steps} steps, killed and resumed")
    print(f"  {'':<31} {'killed':>8} {'writing':>8} {'equal':>8} {'after steps':>12}")
    with progress("kills", count) as advance:
        for k, dtype in enumerate(dtypes[:count]):
            options = ("xor", "--dtype", dtype, "--steps", str(arguments.steps))
            run, killings = uninterrupted(options, folder / "run.ckpt"), []
            for _ in range(count // len(dtypes) + (k < count % len(dtypes))):
                killings.append(kill_and_resume(run, folder / "run.ckpt", draw))
                advance(dtype)
            equal = sum(one.digest == run.digest and not one.left_behind for one in killings)
            print(_row(dtype, killings, equal), flush=True)
            all_equal += equal
    print(f"  {'all':<31} {count:>8} {'':>8} {all_equal:>8}")
    return int(all_equal != count)


def _row(dtype: str, killings: list[KillOutcome], equal: int) -> str:
    writing, steps = sum(one.was_writing for one in killings), [one.step for one in killings]
    span = f"{min(steps)} to {max(steps)}"
    return f"  {dtype:<31} {len(killings):>8} {writing:>8} {equal:>8} {span:>12}"
