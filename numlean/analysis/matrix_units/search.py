"""Search for the shortest dot product that tells two matrix units apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from numlean.analysis.matrix_units.encodings import Words
from numlean.analysis.matrix_units.shrinking import DotProduct, complexity, shrink
from numlean.analysis.matrix_units.trials import structured_trials
from numlean.analysis.matrix_units.vectors import stack
from numlean_kernels.formats import Format
from numlean_kernels.matrix_units.rule import Operands

Dot: TypeAlias = Callable[[Words, Words, Words], Any]
"""``dot(a, b, c)`` of encodings of shapes (n, k), (n, k), (n,) gives encodings of shape (n,)."""
Progress: TypeAlias = Callable[[int], bool | None]
"""Is told how many trials were made since the last call; true ends the search."""

TRIALS: Final = 1_000_000
"""The number of trials, unless another one is given."""

_BATCH: Final = 8192
_SHRUNK: Final = 8
"""The most products of a batch that are shrunk; the simplest one is the result."""


@dataclass(frozen=True)
class Search:
    """The result of a search.

    Attributes:
        product: The shortest and simplest product found; None if there is none.
        trials: The trials that were made.
        longest: The greatest k that was tried, or would have been.
        is_partial: Whether the search was ended early.
    """

    product: DotProduct | None
    trials: int
    longest: int
    is_partial: bool = False


def search(
    first: Dot,
    second: Dot,
    operands: Operands,
    output: Format,
    *,
    longest: int,
    trials: int = TRIALS,
    seed: int = 0,
    on_batch: Progress | None = None,
) -> Search:
    """Return the shortest dot product found at which two units give different results.

    The lengths 1, 2, ... are tried in order, with an equal share of the trials each, and the first
    product found is shrunk. Two NaNs count as equal results.

    Args:
        first: The dot product of one unit.
        second: The dot product of the other.
        operands: The operands of both.
        output: The format of c and of results of both.
        longest: The greatest length to try.
        trials: The number of trials in all.
        seed: The seed of the random numbers.
        on_batch: See ``Progress``.
    """
    pair = _Pair(first, second, output)
    rng = np.random.default_rng(seed)
    made = 0
    for k in range(1, longest + 1):
        end = trials * k // longest
        while made < end:
            count = min(_BATCH, end - made)
            a, b, c = structured_trials(rng, operands, output, k, count)
            made += count
            found = np.nonzero(pair.differ(a, b, c))[0]
            if len(found):
                some = _products(a, b, c, found[:_SHRUNK])
                shrunk = [shrink(each, operands, output, pair.differ_at) for each in some]
                best = min(shrunk, key=lambda each: complexity(each, operands, output))
                return Search(best, made, longest)
            if on_batch is not None and on_batch(count):
                return Search(None, made, longest, is_partial=True)
    return Search(None, made, longest)


class _Pair:
    def __init__(self, first: Dot, second: Dot, output: Format) -> None:
        self._units, self._output = (first, second), output

    def differ(self, a: Words, b: Words, c: Words) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return where the results differ; NaNs are equal."""
        x, y = (np.asarray(dot(a, b, c)).astype(np.uint64) for dot in self._units)
        both_nan = self._output.is_nan(x) & self._output.is_nan(y)
        different: np.ndarray[Any, np.dtype[np.bool_]] = (x != y) & ~both_nan
        return different

    def differ_at(self, products: Sequence[DotProduct]) -> list[bool]:
        """Return for each product whether the results differ."""
        if not products:
            return []
        rows = [(each.a, each.b, each.c) for each in products]
        return [bool(each) for each in self.differ(*stack(rows))]


def _products(a: Words, b: Words, c: Words, rows: Any) -> list[DotProduct]:
    return [DotProduct(tuple(a[row].tolist()), tuple(b[row].tolist()), int(c[row])) for row in rows]
