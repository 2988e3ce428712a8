"""Print what this installation consists of, and check the bits of each device.

The check is a fixed set of operations and a short training, whose digests are known. A device that
is not there is no fault; the line says what was looked for. The exit status is 1 if one computes
other bits than it ought to.
"""

from __future__ import annotations

import argparse

from numlean.errors import UnavailableError
from numlean.verification import doctor
from numlean_kernels.targets import DEVICES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes: nothing."""


def run(arguments: argparse.Namespace) -> int:
    """Print the facts, then a line for each device."""
    facts = doctor.versions() | doctor.machine() | doctor.gpu()
    width = max(map(len, facts))
    for name, fact in facts.items():
        print(f"{name:<{width}}  {fact}")
    results = [_check(device) for device in DEVICES]
    return 0 if all(results) else 1


def _check(device: str) -> bool:
    """Whether a device's bits are right, or there are none."""
    try:
        wrong = doctor.wrong_parts(device)
    except UnavailableError as error:
        print(f"device {device}: not here: {str(error).removeprefix(f'device {device}: ')}")
        return True
    parts = ", ".join(doctor.EXPECTED)
    if wrong:
        print(f"device {device}: WRONG BITS in {', '.join(wrong)}")
    else:
        print(f"device {device}: the bits are right ({parts})", flush=True)
    return not wrong
