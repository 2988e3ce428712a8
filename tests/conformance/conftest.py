"""Run each test for every registered Scalar, on every device that is available here.

Of dtypes that differ in their format alone, only one of each word is compiled: the others run in
the interpreter. ``numlean verify scalars --device cpu`` runs the conformance suite compiled on
every dtype, and ``numlean verify scalars`` interpreted, both with each rounding and option.
"""

from functools import cache

import pytest

from numlean.errors import UnavailableError
from numlean.scalar.registry import get_scalar, scalar_backends
from numlean.testing import reference_of

ARGUMENTS = {
    "mp": ("mp:24", "mp:53", "mp:200"),
    "ieee": ("ieee:e6m9",),
    "fixed": ("fixed:4.4", "fixed:16.16"),
    "lns": ("lns:4.4",),
    "posit": ("posit:8", "posit:16.1"),
    "takum": ("takum:16",),
    "p3109": ("p3109:6.3",),
}
"""Dtypes of a backend that takes an argument. A new one is tried without."""
INTERPRETED = (
    *("binary16", "tf32", "e5m2", "ieee", "fixed", "lns", "posit", "takum"),
    *("e2m1", "e4m3fnuz", "e8m0", "p3109"),
)
"""Backends whose kernels are those of bfloat16, ieee32exec and e4m3 with other constants, or whose
compiled kernels other tests compare with these."""

ALIKE = ("e2m3", "e3m2", "e3m4", "e4m3ieee", "e4m3b11fnuz", "e5m2fnuz")
"""Formats with the specials of others here, and other widths. They are left to the command."""


def dtypes_and_devices():
    for name, backend in scalar_backends():
        if name in ALIKE:
            continue
        devices = [d for d in backend.devices if d != "cpu" or name not in INTERPRETED]
        for dtype in ARGUMENTS.get(name, (name,)):
            yield from ((dtype, device) for device in devices)
    yield "ieee32exec@round=stochastic", "cpu"


@cache
def found():
    """Return the Scalars by name and device, and the errors of those that are unavailable."""
    scalars, errors = {}, {}
    for dtype, device in dtypes_and_devices():
        try:
            scalars[f"{dtype} {device}"] = get_scalar(dtype, device)
        except UnavailableError as error:
            errors[f"{dtype} {device}"] = str(error)
    return scalars, errors


def pytest_generate_tests(metafunc):
    """Generate no test that could only be skipped."""
    scalars, errors = found()
    if "reference" in metafunc.fixturenames:
        scalars = {name: s for name, s in scalars.items() if reference_of(s) is not None}
    if "scalar" in metafunc.fixturenames:
        metafunc.parametrize("scalar", scalars.values(), ids=scalars, scope="session")
    if "unavailable" in metafunc.fixturenames:
        metafunc.parametrize("unavailable", errors.values(), ids=errors)


@pytest.fixture
def reference(scalar):
    return reference_of(scalar)
