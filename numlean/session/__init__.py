"""Sessions: parameters and an explicit tape, executed at once or recorded and replayed."""

from numlean.session.operations import Param, Ref
from numlean.session.session import Session

__all__ = ["Param", "Ref", "Session"]
