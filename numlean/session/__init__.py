"""An explicit tape, carried out at once or planned and replayed."""

from numlean.session.references import Param, Ref
from numlean.session.session import Session

__all__ = ["Param", "Ref", "Session"]
