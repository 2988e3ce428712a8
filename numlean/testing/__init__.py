"""Tools to test an arithmetic, yours or ours.

``check_scalar`` runs the conformance suite on a Scalar; the same checks run one by one under pytest
with ``--numlean-scalar DTYPE``. ``oracle`` returns a Scalar to compare with, none of whose calls
waits for a compiler. ``encodings``, ``operand_pairs``, ``arrays`` and ``scalars`` are
Hypothesis strategies and need the extra ``testing``. ``ExactArithmetic`` computes every IEEE
operation with exact rationals.
"""

from typing import TYPE_CHECKING, Any

from numlean.testing._oracle import oracle
from numlean.testing.conformance import CHECKS, Check, Failure, Report, check_scalar
from numlean.testing.exact import ExactArithmetic
from numlean.testing.reference import IeeeReference, Reference, UnboundedReference, reference_of

if TYPE_CHECKING:
    from numlean.testing.strategies import arrays, encodings, operand_pairs, scalars

__all__ = [
    "CHECKS",
    "Check",
    "ExactArithmetic",
    "Failure",
    "IeeeReference",
    "Reference",
    "Report",
    "UnboundedReference",
    "arrays",
    "check_scalar",
    "encodings",
    "operand_pairs",
    "oracle",
    "reference_of",
    "scalars",
]


def __getattr__(name: str) -> Any:
    # Only the strategies need Hypothesis.
    if name in ("arrays", "encodings", "operand_pairs", "scalars"):
        from numlean.testing import strategies

        return getattr(strategies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
