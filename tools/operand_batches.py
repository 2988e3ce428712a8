"""Batches of operands that are smaller than a million, for tests that use some thousands."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from numlean.verification import comparison, elementary, operands


@contextmanager
def batches_of(count: int) -> Iterator[None]:
    """Let each batch of :mod:`numlean.verification` have ``count`` operands, of the same kinds."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (operands, comparison, elementary.operands, elementary.comparison):
            patch.setattr(module, "BATCH", count)
        yield
