"""A certificate's run made again, here and perhaps otherwise, and compared step by step."""

from __future__ import annotations

from dataclasses import replace

from numlean.analysis.lockstep import Pair, RunSpec, crosscheck
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate
from numlean.certificate.certifying import OnStep
from numlean.certificate.comparing import CertificateChecker
from numlean.certificate.environment import environment_of
from numlean.certificate.errors import CertificateError
from numlean.certificate.subject import Subject
from numlean.certificate.verdict import Difference, ReplayResult
from numlean.checkpoint.errors import FilePath, error_context
from numlean.checkpoint.fingerprint import differences, summary
from numlean.errors import NumleanError
from numlean.scalar.registry import get_scalar
from numlean.tasks import NamedTask
from numlean.training import Options, Stepper, Task, TrainConfig, run_steps


def replay(
    certificate: Certificate | FilePath,
    side: RunSpecLike | None = None,
    *,
    task: Task | NamedTask | str | None = None,
    config: TrainConfig | None = None,
    data: Data | None = None,
    on_step: OnStep | None = None,
) -> ReplayResult:
    """Make a certificate's run again and compare each step; stop at the first that differs.

    Within a format the losses' encodings and the state digests are compared after each step, across
    formats the losses' exact values and, after the last step, the value digest. If another side
    than the certificate's own differs, both are run in lockstep to find the operation that parts
    them.

    Args:
        certificate: The certificate, or its file.
        side: In which arithmetic, where and how; by default as the certificate's run was.
        task: What to train, if the certificate does not say how ``numlean train`` is asked for it.
        config: How, likewise.
        data: On what, likewise.
        on_step: Told of each step.

    Raises:
        CertificateError: The file is no whole certificate, or it is one of another run than what is
            made here of its arguments, or of the task that is given.
        NumleanError: The side cannot be run.
    """
    if not isinstance(certificate, Certificate):
        found = Certificate.load(certificate)
        with error_context(certificate, CertificateError):
            return replay(found, side, task=task, config=config, data=data, on_step=on_step)
    return _Replaying(certificate, side, task, config, data).run(on_step)


class _Replaying:
    """A certificate's run, on its way to be made again."""

    def __init__(
        self,
        certificate: Certificate,
        side: RunSpecLike | None,
        task: Task | NamedTask | str | None,
        config: TrainConfig | None,
        data: Data | None,
    ) -> None:
        self._certificate = certificate
        self._options = Options(seed=certificate.seeds["initial"])
        if task is not None:
            self._subject = Subject.of(task, config, data)
        elif certificate.arguments is not None:
            self._subject = Subject.asked(certificate.arguments)
        else:
            raise CertificateError(
                "a certificate of a run in Python: give replay the same task=, config= and data="
            )
        self._refuse_another_run()
        wanted = RunSpec.of(certificate.side if side is None else side, self._options)
        self._side = replace(wanted, options=replace(wanted.options, seed=self._options.seed))

    def run(self, on_step: OnStep | None) -> ReplayResult:
        """Make the steps that the certificate tells."""
        certificate, side = self._certificate, self._side
        count = len(certificate.steps)
        stepper, dataset = self._subject.begun(side)
        here = environment_of(stepper.runner, fast_kernels=side.options.fast_kernels)
        expected = CertificateChecker(certificate, get_scalar(certificate.dtype), stepper.runner)
        difference = expected.of_initial_parameters()

        def compare(stepper: Stepper, loss: Tensor) -> bool:
            nonlocal difference
            difference = expected.check_step(stepper.step_count - 1, loss)
            if on_step is not None:
                on_step(stepper.step_count)
            return difference is not None

        if difference is None:
            config = replace(self._subject.config, steps=count)
            run_steps(stepper.runner, config, dataset, on_step=compare, stepper=stepper)
        if difference is None:
            difference = expected.of_end()
        pair, unexplained_reason = self._parting(difference)
        return ReplayResult(
            name=self._subject.name,
            side=side.name,
            steps=count,
            identical_steps=count if difference is None else difference.step or 0,
            compared=expected.compared,
            difference=difference,
            environment=tuple(differences(certificate.environment, here)),
            divergence=pair,
            unexplained_reason=unexplained_reason,
        )

    def _refuse_another_run(self) -> None:
        certificate = self._certificate
        own = RunSpec.of(get_scalar(certificate.dtype), self._options)
        stepper, dataset = self._subject.begun(own)
        here = self._subject.run(dataset).description(stepper)
        different = summary(differences(certificate.run, here))
        if different:
            raise CertificateError(f"a certificate of another run: {different}")

    def _parting(self, difference: Difference | None) -> tuple[Pair | None, str | None]:
        """Where the certificate's own side and the other part, if these are two; or why unknown."""
        if difference is None:
            return None, None
        try:
            own = RunSpec.parse(self._certificate.side, self._options)
            if _are_one(own, self._side):
                return None, None
            steps = 1 if difference.step is None else difference.step + 1
            subject = self._subject
            config = replace(subject.config, steps=steps)
            found = crosscheck(subject.task, own, self._side, config=config, data=subject.data)
        except NumleanError as error:
            return None, f"{self._certificate.side} cannot be run here: {error}"
        return found.pairs[0], None


def _are_one(a: RunSpec, b: RunSpec) -> bool:
    # A Scalar with fast kernels equals one without.
    ways = [(side.options.backend, side.options.fast_kernels) for side in (a, b)]
    return a.scalar == b.scalar and ways[0] == ways[1]
