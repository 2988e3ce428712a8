"""The comparison of a function in several arithmetics."""

from __future__ import annotations

from dataclasses import dataclass, field

from numlean.analysis.functions.divergence import FunctionDivergence
from numlean.analysis.functions.errors import Floats
from numlean.analysis.functions.result import FunctionResult
from numlean.arguments import checked
from numlean.errors import UnknownNameError
from numlean.scalar.protocol import Storage


@checked
@dataclass(frozen=True, eq=False)
class FunctionComparison:
    """The result of ``compare_function``; as text and in a notebook, a set of tables.

    Attributes:
        name: The name of the function.
        truth: The name of the precise arithmetic.
        truth_bits: The number of leading bits of its results, at the worst, that agree with those
            at twice its precision. Errors of more precise arithmetics cannot be measured.
        exact: The results in the precise arithmetic, as ``mpmath.mpf``.
        places: The name of each number of the result.
        results: The result in each arithmetic, in the order given.
        divergences: The comparison of every two of them.
        points: The points that were tried, if the result has a number for each.
    """

    name: str
    truth: str
    truth_bits: int
    exact: Storage = field(repr=False)
    places: tuple[str, ...] = field(repr=False)
    results: tuple[FunctionResult, ...]
    divergences: tuple[FunctionDivergence, ...] = field(repr=False)
    points: Floats | None = field(default=None, repr=False)

    def __getitem__(self, dtype: str) -> FunctionResult:
        """Return the result in an arithmetic, by its name.

        Raises:
            UnknownNameError: The arithmetic was not compared.
        """
        for result in self.results:
            if result.dtype == dtype:
                return result
        raise UnknownNameError("dtype", dtype, tuple(result.dtype for result in self.results))

    def divergence(self, a: str, b: str) -> FunctionDivergence:
        """Return where two arithmetics diverge.

        Raises:
            UnknownNameError: They were not compared.
        """
        for divergence in self.divergences:
            if {divergence.a, divergence.b} == {a, b}:
                return divergence
        pairs = tuple(f"{each.a} and {each.b}" for each in self.divergences)
        raise UnknownNameError("pair", f"{a} and {b}", pairs)

    def plot(self, path: str) -> None:
        """Draw the errors: of the results, if there are several, and after each operation.

        Args:
            path: A .png or .svg file.

        Raises:
            NumleanError: The file cannot be written.
        """
        from numlean.analysis.functions.plot import draw

        draw(self, path)

    def __str__(self) -> str:
        from numlean.analysis.functions.report import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from numlean.analysis.functions.report import as_html

        return as_html(self)
