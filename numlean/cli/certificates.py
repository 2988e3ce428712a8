"""The option of training that writes a certificate, and what writes it."""

from __future__ import annotations

import argparse
from pathlib import Path

from numlean.autograd.tensor import Tensor
from numlean.certificate import Certificate, CertificateError, Recorder
from numlean.checkpoint import Run, atomic
from numlean.checkpoint.errors import error_context
from numlean.cli.asked import asked, check_writable
from numlean.errors import NumleanError
from numlean.training import Stepper


def add_argument(group: argparse._ArgumentGroup) -> None:
    """Say what the option is."""
    group.add_argument(
        "--certificate",
        metavar="FILE",
        help="write down what the run is and each step's bits, for `numlean replay`; with --resume"
        " the file is the run's so far",
    )


def check(arguments: argparse.Namespace) -> None:
    """Tell in time what cannot be certified.

    Raises:
        NumleanError: The file cannot be written, or is not there to be gone on with, or the run
            does not begin with initial values that a seed names.
    """
    path = arguments.certificate
    if path is None:
        return
    check_writable("--certificate", path)
    if arguments.weights is not None:
        raise NumleanError(
            "--certificate tells a run that begins as its seed says; leave --weights out"
        )
    if arguments.resume is not None and not Path(path).exists():
        raise NumleanError(
            f"--certificate {path}: no such file, and with --resume it tells the steps so far; give"
            " the certificate of the run that is resumed, or none"
        )


class CertificateWriter:
    """Takes down the steps of a run, if there shall be a certificate, and writes it."""

    def __init__(
        self, arguments: argparse.Namespace, stepper: Stepper, run: Run, steps: int
    ) -> None:
        self._path: str | None = arguments.certificate
        self._every: int = arguments.checkpoint_every or 0
        self._arguments = asked(arguments)
        self._steps = steps
        self._recorder = Recorder(stepper, run, fast_kernels=arguments.fast_kernels)

    def begin(self, *, is_resuming: bool) -> None:
        """Go on with the certificate that is there, if the run goes on.

        Raises:
            CertificateError: It is not one of the steps that have been made.
        """
        if self._path is None:
            return
        if is_resuming:
            certificate = Certificate.load(self._path)
            with error_context(self._path, CertificateError):
                self._recorder.resume_from(certificate)
        atomic.remove_stale_partials(self._path)

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Take down a step, and write as often as checkpoints; never an end of training."""
        if self._path is not None:
            self._recorder(stepper, loss)
            if self._every and stepper.step_count % self._every == 0:
                self.write()
        return False

    def write(self, stopped_by: str | None = None) -> None:
        """Write the certificate of the steps so far, if there shall be one."""
        if self._path is not None:
            certificate = self._recorder.certificate(
                steps_asked=self._steps, stopped_by=stopped_by, arguments=self._arguments
            )
            certificate.save(self._path)
