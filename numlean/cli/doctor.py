"""Print the versions of this installation, and check the bits of each device.

The check is a fixed set of operations and a short training run with known digests. A missing device
is not an error; its line gives the reason. Exit status: 1 if a device computes wrong bits.
"""

from __future__ import annotations

import argparse

from numlean.errors import UnavailableError
from numlean.text_table import align_rows
from numlean.verification import doctor
from numlean_kernels.targets import DEVICES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Print the versions and the machine, then one line per device."""
    facts = doctor.versions() | doctor.machine() | doctor.gpu()
    print("\n".join(align_rows(facts.items())))
    results = [_check(device) for device in DEVICES]
    return 0 if all(results) else 1


def _check(device: str) -> bool:
    """Print a line for a device; return False if its bits are wrong."""
    try:
        wrong = doctor.wrong_parts(device)
    except UnavailableError as error:
        print(f"device {device}: not available: {str(error).removeprefix(f'device {device}: ')}")
        return True
    parts = ", ".join(doctor.EXPECTED)
    if wrong:
        print(f"device {device}: WRONG BITS in {', '.join(wrong)}")
    else:
        print(f"device {device}: the bits are right ({parts})", flush=True)
    return not wrong
