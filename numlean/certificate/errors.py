"""What can be wrong with a certificate."""

from __future__ import annotations

from numlean.errors import NumleanError


class CertificateError(NumleanError):
    """A file that is no certificate, not a whole one, an altered one, or one of another run."""
