"""Every registered Scalar on every device it runs on, and what its results ought to be."""

import pytest

from numlean.errors import UnavailableError
from numlean.scalar.registry import get_scalar, scalar_backends
from numlean.testing import reference_of

ARGUMENTS = {"mp": ("mp:24", "mp:53", "mp:200"), "ieee": ("ieee:e6m9",)}
"""Which arguments stand for a backend that takes one; a new one is tried as users write it."""


def cases():
    for name, backend in scalar_backends():
        for dtype in ARGUMENTS.get(name, (name,)):
            for device in backend.devices:
                yield pytest.param((dtype, device), id=f"{dtype} {device}")
    yield pytest.param(("ieee32exec@round=stochastic", "cpu"), id="stochastic cpu")


@pytest.fixture(params=list(cases()))
def scalar(request):
    try:
        return get_scalar(*request.param)
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def reference(scalar):
    known = reference_of(scalar)
    if known is None:
        pytest.skip(f"no reference knows the rounding of {scalar.name}")
    return known
