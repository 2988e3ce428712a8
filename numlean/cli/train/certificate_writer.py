"""``--certificate``: write the certificate of a run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from numlean.autograd.tensor import Tensor
from numlean.checkpoint import Run
from numlean.checkpoint.errors import error_context
from numlean.cli.failed_outputs import FailedOutputs
from numlean.cli.options import check_writable
from numlean.errors import NumleanError
from numlean.tasks import Recipe
from numlean.training import Stepper
from numlean.training.pace import UNLIMITED

if TYPE_CHECKING:
    from numlean.certificate import Journal, Recorder


def add_argument(group: argparse._ArgumentGroup) -> None:
    """Add the option."""
    group.add_argument(
        "--certificate",
        metavar="FILE",
        help="record the run and the bits of each step, for `numlean replay`; with --resume, FILE"
        " must be the certificate of the interrupted run",
    )


def check(arguments: argparse.Namespace) -> None:
    """Check the option before the run.

    Raises:
        NumleanError: The file cannot be written, or with ``--resume`` does not exist, or the run
            has other initial weights than those of its seed.
    """
    path = arguments.certificate
    if path is None:
        return
    check_writable("--certificate", path)
    if arguments.weights is not None:
        raise NumleanError(
            "--certificate needs seeded initial weights and cannot be combined with --weights"
        )
    if arguments.resume is not None and not Path(path).exists():
        raise NumleanError(
            f"--certificate {path}: file not found. With --resume, pass the certificate of the"
            " interrupted run, or omit --certificate"
        )


class CertificateWriter:
    """Records the steps of a run and writes its certificate, if the option is given."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        stepper: Stepper,
        run: Run,
        recipe: Recipe,
        failed: FailedOutputs,
        *,
        steps: int,
        fast_kernels: bool,
    ) -> None:
        self._path: str | None = arguments.certificate
        self._every: int = arguments.checkpoint_every or 0
        self._recipe = recipe
        self._failed = failed
        self._steps = steps
        self._recorder: Recorder | None = None
        self._journal: Journal | None = None
        if self._path is None:
            return
        from numlean.certificate import Journal, Recorder  # slow to import, and rarely used

        self._recorder = Recorder(stepper, run, fast_kernels=fast_kernels)
        self._journal = Journal(self._path, self._recorder, steps_asked=steps, recipe=recipe)

    def start(self, *, is_resuming: bool) -> None:
        """Start recording; a resumed run takes over the steps of its certificate.

        Raises:
            CertificateError: The certificate does not contain the steps that the run has made.
        """
        if self._path is None or self._recorder is None:
            return
        if is_resuming:
            from numlean.certificate import Certificate, CertificateError

            certificate = Certificate.load(self._path)
            with error_context(self._path, CertificateError):
                self._recorder.resume_from(certificate)

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Record a step, and append as often as checkpoints; return False, as it never ends."""
        if self._recorder and self._journal:
            self._recorder(stepper, loss)
            if self._every and stepper.step_count % self._every == 0:
                with self._failed.tolerate("the certificate", self._path or ""):
                    self._journal.write()
        return False

    def steps_until_call(self, stepper: Stepper) -> int:
        """Return after how many further steps a call is due: 1 if steps are recorded."""
        return 1 if self._journal else UNLIMITED

    def write(self, stopped_by: str | None = None) -> None:
        """Write the certificate of the steps so far, if the option is given.

        If it cannot be written, the old one stays, and training goes on until the next one is due.
        """
        if self._path is None or self._recorder is None:
            return
        with self._failed.tolerate("the certificate", self._path):
            certificate = self._recorder.certificate(
                steps_asked=self._steps, stopped_by=stopped_by, recipe=self._recipe
            )
            certificate.save(self._path)
