"""Train by precision policies on every engine, device and kernel, and compare all bits.

Each named policy, or each POLICY, trains xor, digits, digits-cnn, char-transformer and char-rnn for
a few steps: eager and compiled, by the interpreter, on the processor with plain and fast kernels
and one or two threads, and, smaller, in numba's simulator of CUDA. After each step the digests of
losses, predictions, parameters, buffers and optimizer state must be those of the interpreter's run,
operation by operation. With --random, random policies of a tiny network must have one result in
all ways, be read back from their texts and files, and be resumed and replayed bit by bit. Exit
status 1 if anything differs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from numlean.cli import exit_status
from numlean.cli.progress import progress
from numlean.errors import NumleanError, UnavailableError, UnknownNameError
from numlean.text_table import RowFormat

if TYPE_CHECKING:
    from numlean.verification.policies import Environment

_DEVICES: Final = ("python", "cpu")
_MOST: Final = 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "policies",
        nargs="*",
        metavar="POLICY",
        help="policies, as --policy takes them (default: all named ones)",
    )
    parser.add_argument("--tasks", metavar="A,B,...", help="tasks to train (default: these five)")
    parser.add_argument(
        "--environments",
        metavar="A,B,...",
        help="processes to train in: one-thread, two-threads, simulator (default: all; the"
        " simulator only if it is installed)",
    )
    parser.add_argument(
        "--random",
        type=int,
        metavar="N",
        help="check N random policies instead, on a tiny network and with its files",
    )
    parser.add_argument(
        "--device",
        choices=_DEVICES,
        help="device of random policies: python, where nothing is compiled, or cpu, which is"
        " compared with python (default: cpu)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="S", help="seed of the random policies (default: 0)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Verify and print a line for each training, or for each random policy that fails."""
    if arguments.random is not None:
        return _verify_random(arguments)
    for option in ("seed", "device"):
        if getattr(arguments, option) is not None:
            raise NumleanError(f"--{option} is for --random N")
    return _verify_named(arguments)


def _verify_named(arguments: argparse.Namespace) -> int:
    from numlean.precision import policies
    from numlean.training.policy_files import read_policy
    from numlean.verification.policies import TASKS, outcomes

    names = arguments.policies or [each.name for each in policies.named()]
    chosen = {name: read_policy(name) for name in names}
    tasks = _chosen("task", arguments.tasks, TASKS)
    environments, different = _environments(arguments.environments), 0
    widths = (max(map(len, chosen)), max(map(len, tasks)), 11, 35, 16, 16, 9)
    row_format = RowFormat("<<<<<<>", widths)
    with progress("trainings", len(chosen) * len(tasks) * len(environments)) as advance:
        for name, policy in chosen.items():
            for environment, outcome in outcomes(policy, environments, tasks):
                case, count = outcome.case, len(outcome.differences)
                advance(f"{name} {case.task}")
                verdict = f"{outcome.ways - count} of {outcome.ways} equal"
                cells = (name, case.task, environment.name, str(case), outcome.digest, verdict)
                print(row_format.line((*cells, f"{outcome.seconds:.1f} s")), flush=True)
                for line in outcome.differences:
                    print(f"    {line}", flush=True)
                different += count
    print(f"{different} differ" if different else "all are equal")
    return exit_status.DIFFERENCE if different else 0


def _environments(given: str | None) -> list[Environment]:
    """Return the environments asked for, or all that this installation has."""
    from numlean.verification.policies import ENVIRONMENTS

    known = {each.name: each for each in ENVIRONMENTS}
    found = []
    for name in _chosen("environment", given, tuple(known)):
        environment = known[name]
        if environment.module and find_spec(environment.module) is None:
            missing = f"{name} needs the module {environment.module}; install numlean[cuda]"
            if given is not None:
                raise UnavailableError(missing)
            print(f"skipped: {missing}")
        else:
            found.append(environment)
    return found


def _chosen(what: str, given: str | None, known: tuple[str, ...]) -> Sequence[str]:
    """Return the names in a list, or all known ones.

    Raises:
        UnknownNameError: A name is not known.
    """
    names = known if given is None else [name.strip() for name in given.split(",")]
    for name in names:
        if name not in known:
            raise UnknownNameError(what, name, known)
    return names


def _verify_random(arguments: argparse.Namespace) -> int:
    from numlean.precision import format_policy
    from numlean.verification.policies import judge, random_policies

    for option in ("policies", "tasks", "environments"):
        if getattr(arguments, option):
            raise NumleanError(
                "--random draws the policies and the network itself; give no"
                f" {'POLICY' if option == 'policies' else f'--{option}'}"
            )
    count, seed = arguments.random, arguments.seed or 0
    for name, value, least in (("random", count, 1), ("seed", seed, 0)):
        if not least <= value <= _MOST:
            raise NumleanError(f"--{name} must be between {least} and {_MOST:,}, got {value}")
    failed = refused = 0
    with TemporaryDirectory() as folder, progress("policies", count) as advance:
        for number, policy in enumerate(islice(random_policies(seed), count)):
            found = judge(policy, Path(folder), arguments.device or "cpu", number=number)
            advance(f"{failed} failed")
            refused += bool(found.refusal)
            failed += bool(found.failures)
            if found.failures:
                print("\n    ".join((format_policy(policy), *found.failures)), flush=True)
    print(f"{count} policies, {refused} of them refused in training, {failed} failed")
    return exit_status.DIFFERENCE if failed else 0
