"""Runs written down step by step, so that they can be made again elsewhere and compared."""

from numlean.certificate.certificate import Certificate
from numlean.certificate.certifying import certify
from numlean.certificate.chain import Step
from numlean.certificate.errors import CertificateError
from numlean.certificate.recording import Recorder
from numlean.certificate.replaying import replay
from numlean.certificate.verdict import Difference, ReplayResult

__all__ = [
    "Certificate",
    "CertificateError",
    "Difference",
    "Recorder",
    "ReplayResult",
    "Step",
    "certify",
    "replay",
]
