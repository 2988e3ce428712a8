"""Writing down what a run does while it does it."""

from __future__ import annotations

from collections.abc import Mapping

from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate
from numlean.certificate.chain import Step, first_link, next_link
from numlean.certificate.environment import environment_of
from numlean.certificate.errors import CertificateError
from numlean.checkpoint import Run
from numlean.checkpoint.fingerprint import Plain, differences, summary
from numlean.digest import state_digest, value_digest
from numlean.scalar.exact_text import format_hex
from numlean.training import Stepper


class Recorder:
    """Takes down each step of a run; a hook for any loop.

    It keeps some 300 bytes a step.

    Attributes:
        stepper: Whose run it is, from its first step.
        steps: The steps so far.
    """

    def __init__(self, stepper: Stepper, run: Run, *, fast_kernels: bool) -> None:
        self.stepper = stepper
        self.steps: list[Step] = []
        self._environment = environment_of(stepper.runner, fast_kernels=fast_kernels)
        self._run = run.description(stepper)
        self._initial = state_digest(stepper.runner.named_parameters)
        self._first = first_link(self._run, self._initial)
        self._seeds = {
            "initial": stepper.runner.options.seed,
            "order": int(getattr(run.config, "seed", 0)),
        }

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Take down a step; never an end of training."""
        text = format_hex(loss.scalar, loss.data)
        state = state_digest(stepper.runner.named_parameters)
        before = self.steps[-1].chain if self.steps else self._first
        self.steps.append(Step(text, state, next_link(before, text, state)))
        return False

    def resume_from(self, certificate: Certificate) -> None:
        """Begin with the steps that a certificate tells, of which the stepper has made the first.

        Raises:
            CertificateError: It is one of another run, or of fewer steps, or of others.
        """
        made = self.stepper.step_count
        different = summary(differences(certificate.run, self._run))
        if different:
            raise CertificateError(f"a certificate of another run: {different}")
        if made > len(certificate.steps):
            raise CertificateError(
                f"a certificate of {len(certificate.steps)} steps, and {made} have been made"
            )
        initial = certificate.initial["state_digest"]
        state = certificate.steps[made - 1].state if made else initial
        here = state_digest(self.stepper.runner.named_parameters)
        if state != here:
            raise CertificateError(
                f"a certificate of other numbers: after {made} steps the state digest is {state} in"
                f" the file and {here} here"
            )
        self.steps[:] = certificate.steps[:made]
        self._initial, self._first = initial, certificate.initial["chain"]

    def certificate(
        self,
        *,
        steps_asked: int,
        stopped_by: str | None = None,
        arguments: Mapping[str, Plain] | None = None,
    ) -> Certificate:
        """The certificate of the steps so far."""
        from numlean.version import __version__

        named = self.stepper.runner.named_parameters
        return Certificate(
            numlean=__version__,
            arguments=None if arguments is None else dict(arguments),
            run=self._run,
            seeds=self._seeds,
            environment=self._environment,
            steps_asked=steps_asked,
            stopped_by=stopped_by,
            initial={"state_digest": self._initial, "chain": self._first},
            final={"state_digest": state_digest(named), "value_digest": value_digest(named)},
            steps=tuple(self.steps),
        )
