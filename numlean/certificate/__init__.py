"""Certificates: runs recorded step by step, to be replayed elsewhere and compared."""

from numlean.certificate.certificate import Certificate, CertificateError
from numlean.certificate.certifying import certify
from numlean.certificate.chain import Step
from numlean.certificate.journal import Journal
from numlean.certificate.recording import Recorder
from numlean.certificate.replay_result import Difference, ReplayResult
from numlean.certificate.replaying import replay

__all__ = [
    "Certificate",
    "CertificateError",
    "Difference",
    "Journal",
    "Recorder",
    "ReplayResult",
    "Step",
    "certify",
    "replay",
]
