"""Record a run, step by step."""

from __future__ import annotations

from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate, CertificateError
from numlean.certificate.chain import Scaling, Step, first_link, next_link
from numlean.certificate.environment import environment_of
from numlean.certificate.file_format import Seeds
from numlean.checkpoint import Run
from numlean.checkpoint.differences import differences, summary
from numlean.digest import state_digest, value_digest
from numlean.scalar.exact_text import format_hex
from numlean.tasks import Recipe, RecordedRecipe
from numlean.training import Stepper
from numlean.version import __version__


class Recorder:
    """Hook for any training loop that records each step.

    It keeps about 300 bytes per step.

    Attributes:
        stepper: The stepper of the run, at its first step.
        steps: The steps so far.
    """

    def __init__(self, stepper: Stepper, run: Run, *, fast_kernels: bool) -> None:
        self.stepper = stepper
        self.steps: list[Step] = []
        self._environment = environment_of(stepper.runner, fast_kernels=fast_kernels)
        self._run = run.description(stepper)
        self._initial = state_digest(stepper.runner.named_parameters)
        self._first = first_link(self._run, self._initial)
        self._seeds = Seeds(
            initial=stepper.runner.options.seed, order=int(getattr(run.config, "seed", 0))
        )

    def __call__(self, stepper: Stepper, loss: Tensor) -> bool:
        """Record a step; return False, as it never ends training."""
        text = format_hex(loss.scalar, loss.data)
        state = state_digest(stepper.runner.named_parameters)
        before = self.steps[-1].chain if self.steps else self._first
        scaled = stepper.engine.scaled_step
        scaling = None if scaled is None else Scaling.of(scaled)
        link = next_link(before, text, state, scaling)
        self.steps.append(Step(text, state, link, scaling))
        return False

    def resume_from(self, certificate: Certificate) -> None:
        """Take over the steps of a certificate that the stepper has already made.

        Raises:
            CertificateError: The certificate belongs to another run, or has fewer steps.
        """
        made = self.stepper.step_count
        different = summary(differences(certificate.run, self._run))
        if different:
            raise CertificateError(f"a certificate of another run: {different}")
        if made > len(certificate.steps):
            raise CertificateError(
                f"the certificate has {len(certificate.steps)} steps, but the run has made {made};"
                " omit --certificate, or resume a checkpoint that is not ahead of it"
            )
        initial = certificate.initial["state_digest"]
        state = certificate.steps[made - 1].state if made else initial
        here = state_digest(self.stepper.runner.named_parameters)
        if state != here:
            raise CertificateError(
                f"a certificate of other numbers: after {made} steps the state digest is {state} in"
                f" the file and {here} here"
            )
        self._check_scaling(certificate.steps[made - 1].scaling if made else None)
        self.steps[:] = certificate.steps[:made]
        self._initial, self._first = initial, certificate.initial["chain"]

    def _check_scaling(self, last: Scaling | None) -> None:
        """Check that the loss scale is the one after the last step that a certificate has."""
        scaled = self.stepper.engine.scaled_step
        here = None if scaled is None or last is None else Scaling.of(scaled)
        if here != last:
            raise CertificateError(
                f"a certificate of other numbers: after {self.stepper.step_count} steps the loss"
                f" scale is {last} in the file and {here} here"
            )

    def certificate(
        self, *, steps_asked: int, stopped_by: str | None = None, recipe: Recipe | None = None
    ) -> Certificate:
        """Return the certificate of the steps so far."""
        named = self.stepper.runner.named_parameters
        return Certificate(
            numlean=__version__,
            recipe=None if recipe is None else RecordedRecipe(recipe),
            run=self._run,
            seeds=self._seeds,
            environment=self._environment,
            steps_asked=steps_asked,
            stopped_by=stopped_by,
            initial={"state_digest": self._initial, "chain": self._first},
            final={"state_digest": state_digest(named), "value_digest": value_digest(named)},
            steps=tuple(self.steps),
        )
