"""Alter checkpoints in many ways, or kill training runs at random moments.

An altered checkpoint must be refused in one line, and nothing of it may be loaded. A run that is
killed and resumed must end with the parameters, the certificate and the log of an uninterrupted
run. Exit status 1 on a failure.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from numlean.cli.progress import progress
from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.scalar.dtype import split_dtype_list
from numlean.text_table import RowFormat, align_rows
from numlean.training.policy_files import read_policy
from numlean.verification.checkpoints import (
    KINDS,
    CorruptedRun,
    KillOutcome,
    kill_and_resume,
    mutations,
    run_uninterrupted,
)

Subjects: TypeAlias = Mapping[str, Policy | None]
"""The texts of dtypes, and of policies with what they mean."""

_MOST = 1_000_000_000
_ROW = RowFormat("<>", (31, 8, 8, 8, 12), indent="  ")
_DTYPES = "float64,float32,ieee32exec,bfloat16,e4m3,mp:200,ieee32exec@round=stochastic"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--mutations",
        type=int,
        default=0,
        metavar="N",
        help="number of altered checkpoints to try (default: %(default)s)",
    )
    parser.add_argument(
        "--kills",
        type=int,
        default=0,
        metavar="N",
        help="number of runs to kill (default: %(default)s)",
    )
    parser.add_argument(
        "--dtypes",
        metavar="A,B,...",
        help=f"dtypes to use in turn (default: {_DTYPES}; none if --policy is given)",
    )
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="P|FILE",
        help="a policy to use too, NAME[,field=value...] or FILE.toml (repeatable)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        default=200,
        metavar="N",
        help="steps of the killed runs (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the random choices (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a table of each."""
    if arguments.mutations < 1 and arguments.kills < 1:
        raise NumleanError("give --mutations N, --kills N, or both")
    for name in ("mutations", "kills", "steps"):
        if getattr(arguments, name) > _MOST:
            raise NumleanError(
                f"--{name} must be at most {_MOST:,}, got {getattr(arguments, name)}"
            )
    status, subjects = 0, _subjects(arguments)
    with TemporaryDirectory() as folder:
        if arguments.mutations > 0:
            status |= _mutate(subjects, arguments.mutations, arguments.seed, Path(folder))
        if arguments.kills > 0:
            status |= _kill(subjects, arguments, Path(folder))
    return status


def _subjects(arguments: argparse.Namespace) -> Subjects:
    """Return what the options ask for; without any, the default dtypes."""
    policies = {text: read_policy(text) for text in arguments.policy}
    if policies and arguments.dtypes is None:
        return policies
    dtypes = _DTYPES if arguments.dtypes is None else arguments.dtypes
    return {**dict.fromkeys(split_dtype_list(dtypes)), **policies}


def _mutate(subjects: Subjects, count: int, seed: int, folder: Path) -> int:
    tried: Counter[str] = Counter()
    clean: Counter[str] = Counter()
    examples: dict[str, str] = {}
    with progress("mutations", count) as advance:
        for k, (text, policy) in enumerate(subjects.items()):
            corrupted = CorruptedRun(text if policy is None else policy, folder)
            share = count // len(subjects) + (k < count % len(subjects))
            for mutation in mutations(corrupted.content, share, seed=seed + k):
                refusal = corrupted.try_load(mutation)
                tried[refusal.kind] += 1
                clean[refusal.kind] += refusal.is_clean
                examples[refusal.kind] = refusal.message or "ACCEPTED"
                advance(text)
    print(f"{count:,} altered checkpoints of {', '.join(subjects)}")
    rows = [(k, str(tried[k]), str(clean[k]), examples.get(k, "")[:100]) for k in KINDS]
    rows.append(("all", str(tried.total()), str(clean.total()), ""))
    header = ("", "tried", "refused", "last message")
    print("\n".join(align_rows([header, *rows], "<>><", indent="  ")))
    return int(clean != tried)


def _kill(subjects: Subjects, arguments: argparse.Namespace, folder: Path) -> int:
    draw, count, all_equal = random.Random(arguments.seed), arguments.kills, 0
    print(f"{count:,} runs of xor, {arguments.steps} steps, killed and resumed")
    print(_ROW.heading(("", "killed", "writing", "equal", "at steps")))
    with progress("kills", count) as advance:
        for k, (text, policy) in enumerate([*subjects.items()][:count]):
            own = folder / f"kills-{k}"
            own.mkdir()
            kind = "--dtype" if policy is None else "--policy"
            options = ("xor", kind, text, "--steps", str(arguments.steps))
            run, outcomes = run_uninterrupted(options, own), []
            for _ in range(count // len(subjects) + (k < count % len(subjects))):
                outcomes.append(kill_and_resume(run, own, draw))
                advance(text)
            failures = [one.failure for one in outcomes if one.failure is not None]
            equal = len(outcomes) - len(failures)
            print(_row(text, outcomes, equal), flush=True)
            if failures:
                print(f"    {failures[0]}", flush=True)
            all_equal += equal
    print(_ROW.line(("all", str(count), "", str(all_equal))))
    return int(all_equal != count)


def _row(text: str, outcomes: list[KillOutcome], equal: int) -> str:
    writing = sum(one.was_writing for one in outcomes)
    steps = [one.step for one in outcomes if one.step is not None]
    span = f"{min(steps)} to {max(steps)}" if steps else ""
    return _ROW.line((text, str(len(outcomes)), str(writing), str(equal), span))
