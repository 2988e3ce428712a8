"""Hostile checkpoints and certificates: altered bytes, and forgeries with right digests."""

from numlean.verification.attacks.documents.certificates import CERTIFICATES
from numlean.verification.attacks.documents.checkpoints import CHECKPOINTS

__all__ = ["CERTIFICATES", "CHECKPOINTS"]
