"""Every layer in turn, and a function from its output to a number."""

from functools import partial

import pytest

from layer_cases import CASES, Case, weighted


@pytest.fixture(params=CASES)
def case(request):
    return Case(*CASES[request.param])


@pytest.fixture
def number():
    """Make a function of tensors whose value is a single number."""
    return lambda program: partial(weighted, program)
