"""Elementary functions compared with a certified reference, exhaustively where possible."""

from numlean.verification.elementary.certified import Certified
from numlean.verification.elementary.comparison import ElementaryComparison, Findings, verify
from numlean.verification.elementary.filter import Enclosures, Filter, Libm
from numlean.verification.elementary.functions import FUNCTIONS, Function
from numlean.verification.elementary.record import Record

__all__ = [
    "FUNCTIONS",
    "Certified",
    "ElementaryComparison",
    "Enclosures",
    "Filter",
    "Findings",
    "Function",
    "Libm",
    "Record",
    "verify",
]
