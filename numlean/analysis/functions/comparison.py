"""A function in several arithmetics beside each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from numlean.analysis.functions.divergence import FunctionDivergence
from numlean.analysis.functions.errors import Floats
from numlean.analysis.functions.result import FunctionResult
from numlean.errors import UnknownNameError
from numlean.scalar.protocol import Storage


@dataclass(frozen=True, eq=False)
class FunctionComparison:
    """What ``compare_function`` finds; as text, and in a notebook, it is a set of tables.

    Attributes:
        name: The function's.
        truth: The precise arithmetic.
        truth_bits: In how many leading bits its results agree with those at twice its precision,
            at the worst. Errors in an arithmetic of more bits than that cannot be told.
        exact: The truth's results, as ``mpmath.mpf``.
        places: The name of each number of the result.
        results: What each arithmetic computes, in the order asked for.
        partings: Where each two of them part.
        points: The points that were tried, if the result has a number for each.
    """

    name: str
    truth: str
    truth_bits: int
    exact: Storage = field(repr=False)
    places: tuple[str, ...] = field(repr=False)
    results: tuple[FunctionResult, ...]
    partings: tuple[FunctionDivergence, ...] = field(repr=False)
    points: Floats | None = field(default=None, repr=False)

    def __getitem__(self, dtype: str) -> FunctionResult:
        """The result in an arithmetic, by the name it was asked for.

        Raises:
            UnknownNameError: It was not asked for.
        """
        for result in self.results:
            if result.dtype == dtype:
                return result
        raise UnknownNameError("dtype", dtype, tuple(result.dtype for result in self.results))

    def parting(self, a: str, b: str) -> FunctionDivergence:
        """Where two arithmetics part.

        Raises:
            UnknownNameError: They were not compared.
        """
        for parting in self.partings:
            if {parting.a, parting.b} == {a, b}:
                return parting
        pairs = tuple(f"{each.a} and {each.b}" for each in self.partings)
        raise UnknownNameError("pair", f"{a} and {b}", pairs)

    def plot(self, path: str) -> None:
        """Draw the errors: of the results, if they are several, and after each operation.

        Args:
            path: A .png or .svg file.

        Raises:
            NumleanError: It cannot be written.
        """
        from numlean.analysis.functions.plot import draw

        draw(self, path)

    def __str__(self) -> str:
        from numlean.analysis.functions.report import as_text

        return as_text(self)

    def _repr_html_(self) -> str:
        from numlean.analysis.functions.report import as_html

        return as_html(self)
