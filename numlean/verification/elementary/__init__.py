"""Elementary functions compared with a certified reference, exhaustively where possible."""

from numlean.verification.elementary.certified import Certified
from numlean.verification.elementary.comparison import ElementaryComparison, Findings, verify
from numlean.verification.elementary.functions import FUNCTIONS, Function
from numlean.verification.elementary.record import Record
from numlean.verification.elementary.screen import Enclosures, Libm, Screen

__all__ = [
    "FUNCTIONS",
    "Certified",
    "ElementaryComparison",
    "Enclosures",
    "Findings",
    "Function",
    "Libm",
    "Record",
    "Screen",
    "verify",
]
