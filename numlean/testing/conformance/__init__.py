"""The rules that every Scalar follows, as checks that run on any Scalar."""

from numlean.testing.conformance import (
    arithmetic,
    casts,
    conversions,
    exact_products,
    order,
    storage,
    unit_products,
)
from numlean.testing.conformance.checks import CHECKS, Check, NotApplicableError, Subject
from numlean.testing.conformance.suite import Failure, Report, check_scalar

__all__ = [
    "CHECKS",
    "Check",
    "Failure",
    "NotApplicableError",
    "Report",
    "Subject",
    "arithmetic",
    "casts",
    "check_scalar",
    "conversions",
    "exact_products",
    "order",
    "storage",
    "unit_products",
]
