"""Replay a certificate's run, in the same way or another one, and compare it step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from numlean.analysis.finiteness import FiniteCheck
from numlean.analysis.lockstep import Pair, RunSpec, crosscheck
from numlean.analysis.lockstep.lockstep import Data
from numlean.analysis.lockstep.run_spec import RunSpecLike
from numlean.arguments import checked
from numlean.autograd.tensor import Tensor
from numlean.certificate.certificate import Certificate, CertificateError
from numlean.certificate.certifying import OnStep
from numlean.certificate.checker import CertificateChecker
from numlean.certificate.environment import environment_of
from numlean.certificate.replay_result import Difference, ReplayResult
from numlean.certificate.replayable_run import ReplayableRun
from numlean.checkpoint.differences import differences, summary
from numlean.checkpoint.errors import FilePath, error_context
from numlean.errors import NumleanError
from numlean.scalar.registry import get_scalar
from numlean.tasks import NamedTask
from numlean.tasks.file_limits import check_precision, check_recipe_precision
from numlean.training import Options, Stepper, Task, TrainConfig, run_steps


@checked
def replay(
    certificate: Certificate | FilePath,
    side: RunSpecLike | None = None,
    *,
    task: Task | NamedTask | str | None = None,
    config: TrainConfig | None = None,
    data: Data | None = None,
    files: Mapping[str, FilePath] | None = None,
    trust_paths: bool = False,
    on_step: OnStep | None = None,
) -> ReplayResult:
    """Replay a certificate's run and compare each step; stop at the first difference.

    Within a format, the losses' encodings and the state digests are compared after each step.
    Across formats, the losses' exact values are, and the value digest after the last step. If a run
    on another side than the certificate's own differs, both are run in lockstep to find the first
    operation that differs.

    Args:
        certificate: The certificate, or its file.
        side: Number format, device and engine of the replay (default: the certificate's).
        task: The task, for a certificate without a recipe.
        config: The training configuration, for a certificate without a recipe.
        data: The training data, for a certificate without a recipe.
        files: The files to read in place of those that the recipe names, by the name of their
            option: "data", "test_data", "text" or "target".
        trust_paths: Whether to open the other files that the recipe names. A certificate may come
            from anybody and name any path.
        on_step: Function to call after each step with the number of steps made, also of the steps
            of both sides in lockstep. The replay ends if it returns True.

    Raises:
        CertificateError: The file is not an unaltered certificate, or the run of its recipe, or of
            the given task, is another one, or its recipe names a file that is not trusted.
        NumleanError: The side cannot be run.
    """
    if not isinstance(certificate, Certificate):
        found = Certificate.load(certificate)
        with error_context(certificate, CertificateError):
            return replay(
                found,
                side,
                task=task,
                config=config,
                data=data,
                files=files,
                trust_paths=trust_paths,
                on_step=on_step,
            )
    if task is not None and files:
        raise NumleanError("files= is for the recipe of a certificate; a task has its own data")
    if task is not None:
        run = ReplayableRun.of(task, config, data)
    elif certificate.recipe is not None:
        run = ReplayableRun.from_recipe(certificate.recipe.trust(files, trust_paths=trust_paths))
    else:
        raise CertificateError(
            "the certificate has no recipe; pass the task=, config= and data= of its run"
        )
    return _Replay(certificate, run, side).result(on_step)


class _Replay:
    """A replay of a certificate's run."""

    def __init__(
        self, certificate: Certificate, run: ReplayableRun, side: RunSpecLike | None
    ) -> None:
        self._certificate = certificate
        self._run = run
        self._options = certificate.options
        wanted = RunSpec.of(certificate.side if side is None else side, self._options)
        if certificate.policy is None:
            check_precision(get_scalar(certificate.dtype), None if side is None else wanted.scalar)
        else:
            check_recipe_precision(certificate.dtype, certificate.policy)
        self._check_run()
        self._side = replace(wanted, options=_with_bits(wanted.options, self._options))

    def result(self, on_step: OnStep | None) -> ReplayResult:
        """Make the certificate's steps and compare them."""
        certificate, side, run = self._certificate, self._side, self._run
        count = len(certificate.steps)
        stepper, dataset = run.start(side)
        here = environment_of(stepper.runner, fast_kernels=side.options.fast_kernels)
        checker = CertificateChecker(certificate, get_scalar(certificate.dtype), stepper)
        difference = checker.check_initial_parameters()
        finite = FiniteCheck("warn", stepper=stepper, report=lambda text: None)

        def compare(stepper: Stepper, loss: Tensor) -> bool:
            nonlocal difference
            difference = checker.check_step(stepper.step_count - 1, loss)
            finite(stepper, loss)
            is_stopped = on_step is not None and on_step(stepper.step_count)
            return difference is not None or bool(is_stopped)

        if difference is None:
            config = replace(run.config, steps=count)
            run_steps(stepper.runner, config, dataset, on_step=compare, stepper=stepper)
        is_partial = difference is None and stepper.step_count < count
        if difference is None and not is_partial:
            difference = checker.check_end()
        divergence, reason = self._divergence(difference, on_step)
        return ReplayResult(
            name=run.name,
            side=side.name,
            steps=count,
            identical_steps=stepper.step_count if difference is None else difference.step or 0,
            compared=checker.compared,
            difference=difference,
            environment=tuple(differences(certificate.environment, here)),
            divergence=divergence,
            unexplained_reason=reason,
            nonfinite=None if finite.first is None else str(finite.first),
            is_partial=is_partial,
        )

    def _check_run(self) -> None:
        certificate = self._certificate
        recipe = certificate.recipe
        if recipe is not None and recipe.policy != certificate.policy:
            raise CertificateError("the recipe requests another policy than that of the run")
        if recipe is not None and get_scalar(recipe.dtype).name != certificate.dtype:
            raise CertificateError(
                f"the recipe requests dtype {recipe.dtype!r:.80}, but the run has the dtype"
                f" {certificate.dtype!r:.80}"
            )
        own = RunSpec.of(certificate.policy or get_scalar(certificate.dtype), self._options)
        stepper, dataset = self._run.start(own)
        here = self._run.description(dataset).description(stepper)
        different = summary(differences(certificate.run, here))
        if different:
            raise CertificateError(f"a certificate of another run: {different}")

    def _divergence(
        self, difference: Difference | None, on_step: OnStep | None
    ) -> tuple[Pair | None, str | None]:
        """Compare the certificate's own side with the other one, or return why it cannot be run."""
        if difference is None:
            return None, None
        try:
            own = RunSpec.parse(self._certificate.side, self._options)
            if _is_same_way(own, self._side):
                return None, None
            run, steps = self._run, 1 if difference.step is None else difference.step + 1
            config = replace(run.config, steps=steps)
            found = crosscheck(
                run.task, own, self._side, config=config, data=run.data, on_step=on_step
            )
        except NumleanError as error:
            return None, f"{self._certificate.side} cannot be run here: {error}"
        if found.is_partial:
            return None, "the search for the first operation that differs was stopped"
        return found.pairs[0], None


def _with_bits(options: Options, own: Options) -> Options:
    """Return the options of an execution, with those of a run that affect its bits."""
    shards, statistics = own.shards, own.batch_statistics
    return replace(options, seed=own.seed, shards=shards, batch_statistics=statistics)


def _is_same_way(a: RunSpec, b: RunSpec) -> bool:
    # A Scalar with fast kernels equals one without.
    ways = [(side.options.backend, side.options.fast_kernels) for side in (a, b)]
    is_same = a.scalar == b.scalar and a.policy == b.policy and a.wrappers == b.wrappers
    return is_same and ways[0] == ways[1]
