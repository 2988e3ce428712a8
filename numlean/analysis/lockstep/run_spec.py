"""The specification of a run: an arithmetic, a device and a backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

from numlean.arguments import checked
from numlean.errors import NumleanError
from numlean.precision import Policy, format_policy
from numlean.precision.resolved import resolve_policy
from numlean.scalar.contract import reset_stream
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import get_scalar, resolve, scalar_backend_of
from numlean.scalar.wrappers.faulty import Fault, FaultyScalar, InjectedFault
from numlean.training import Options, Runner, Task, initial_parameters, instantiate
from numlean.training.initial_values import InitialValues, Value, starting_values
from numlean.training.options import BACKENDS, resolve_part
from numlean.training.policy_files import check_not_policy, read_policy
from numlean.training.precision import RunPrecision, Wrap
from numlean_kernels.targets import DEVICES

_FAST = "fast"
_POLICY = "policy"


@checked
@dataclass(frozen=True)
class RunSpec:
    """A run to compare with others.

    Attributes:
        name: The name of the run: the text that specifies it.
        scalar: The arithmetic; that of the losses in a run by a policy.
        options: Its engine, device and kernels.
        initial: Its initial values; None draws them with the options' seed.
        policy: The formats of a run in several dtypes; None for a run in one.
        wrappers: Each returns a function that wraps the Scalars of one runner, the innermost first.
        fault: The fault of the run; None without one.
    """

    name: str
    scalar: Scalar
    options: Options
    initial: InitialValues | None = field(default=None, compare=False, repr=False)
    policy: Policy | None = None
    wrappers: tuple[Callable[[], Wrap], ...] = field(default=(), compare=False, repr=False)
    fault: InjectedFault | None = field(default=None, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str, options: Options | None = None) -> RunSpec:
        """Return a run from ``DTYPE[:DEVICE][:BACKEND][:fast]``, such as ``mp:24:python:compiled``.

        ``policy:POLICY`` or ``policy:FILE.toml`` takes the place of the dtype of a run in several.
        The options apply to everything that the text does not specify.

        Raises:
            NumleanError: The dtype is unknown, or unavailable on that device or with fast kernels.
        """
        options = options or Options()
        dtype, *words = text.split(":")
        if dtype == _POLICY:
            dtype, words = _policy_and_options(words)
        while words and not (text.startswith(_POLICY) or _is_option(dtype, words[0])):
            dtype = f"{dtype}:{words.pop(0)}"
        given = [_option(word) for word in words]
        for name in ("backend", "device", "fast_kernels"):
            if sum(name in each for each in given) > 1:
                raise NumleanError(
                    f"a run can have only one {name.replace('_', ' ')}, got {text!r}"
                )
        for each in given:
            options = replace(options, **each)
        if text.startswith(f"{_POLICY}:"):
            return cls.of_policy(read_policy(dtype), options, text)
        check_not_policy(dtype)
        scalar = get_scalar(dtype, options.device, fast_kernels=options.fast_kernels)
        return cls(text, scalar, options)

    @classmethod
    def of_policy(cls, policy: Policy, options: Options, name: str) -> RunSpec:
        """Return a run by a policy, with another name than the text that specifies it."""
        if policy.is_uniform:
            return cls(name, resolve_part(policy.parameters, options), options)
        return cls(name, resolve_part(policy.reductions, options), options, policy=policy)

    @classmethod
    def of(cls, spec: RunSpecLike, options: Options | None = None) -> RunSpec:
        """Return a run from a run, a text, a runner, a policy or a Scalar in these options.

        The run of a runner starts from its current parameters, and has its own options.
        """
        if isinstance(spec, RunSpec):
            return spec
        if isinstance(spec, Runner):
            policy, initial = spec.precision.policy, dict(spec.named_parameters)
            name = spec.scalar.name if policy is None else f"{_POLICY}:{format_policy(policy)}"
            name += f" in {spec.options.shards} shards" if spec.options.shards > 1 else ""
            wrappers = () if policy is None else (partial(_own_scalars, spec.precision),)
            return cls(name, spec.scalar, spec.options, initial, policy, wrappers)
        if isinstance(spec, str):
            return cls.parse(spec, options)
        if isinstance(spec, Policy):
            return cls.of_policy(spec, options or Options(), f"{_POLICY}:{format_policy(spec)}")
        # A Scalar keeps its own device and kernels.
        options = replace(options or Options(), device=None, fast_kernels=False)
        return cls(spec.name, spec, options)

    def with_fault(self, fault: Fault) -> RunSpec:
        """Return the same run with a fault: in a run by a policy, in all dtypes that can have it.

        Raises:
            NumleanError: No arithmetic of the run supports the fault; or it is in one step or call
                of a run in shards, each of which counts its own.
        """
        if self.options.shards > 1 and not (fault.step is None and fault.call is None):
            raise NumleanError(f"a fault of a run in shards has no step and no call, got {fault}")
        name, injected = f"{self.name} with {fault}", InjectedFault(fault)
        if self.policy is None:
            scalar = FaultyScalar(self.scalar, fault, injected.injected)
            return replace(self, name=name, scalar=scalar, fault=injected)
        found = resolve_policy(self.policy, lambda dtype: resolve_part(dtype, self.options))
        if not any(injected.can_be_in(scalar) for scalar in found.everything):
            dtypes = ", ".join(scalar.name for scalar in found.everything)
            raise NumleanError(f"no dtype of the run can have the fault {fault}: it has {dtypes}")
        return replace(self, name=name, wrappers=(*self.wrappers, injected), fault=injected)

    def wrapped_by(self, wrap: Wrap) -> RunSpec:
        """Return the same run in wrappers of its Scalars."""
        return replace(self, wrappers=(*self.wrappers, partial(_same, wrap)))

    def runner(self, task: Task, wrap: Wrap | None = None) -> Runner:
        """Return a runner of a task.

        Args:
            task: The task.
            wrap: Called once with each Scalar of the run: see ``instantiate``.
        """
        wraps = [make() for make in self.wrappers]
        wraps += [] if wrap is None else [wrap]
        if self.policy is not None:
            scalar: Scalar | Policy = self.policy
            options = self.options
        else:
            scalar = self.scalar
            options = replace(self.options, device=None, fast_kernels=False)
        initial, composed = self.initial, partial(_wrapped, wraps)
        return instantiate(task, scalar, options, initial=initial, wrap=composed)

    @property
    def cut(self) -> str:
        """How the run cuts a batch, as text: the operations of its steps depend on it."""
        if self.options.shards == 1:
            return "not at all"
        return f"into {self.options.shards} shards, statistics of a {self.options.batch_statistics}"

    @property
    def update(self) -> Scalar:
        """The arithmetic in which the optimizer computes."""
        if self.policy is None:
            return self.scalar
        resolved = resolve_policy(self.policy, lambda dtype: resolve_part(dtype, self.options))
        return resolved.scalars.update

    def starting_from(self, initial: InitialValues | None) -> RunSpec:
        """Return the same run with these initial values, unless it has its own or none is given."""
        return (
            self if initial is None or self.initial is not None else replace(self, initial=initial)
        )

    def starting_values(self, task: Task) -> list[Value]:
        """Return the values from which the parameters of a task are converted."""
        drawn = initial_parameters(task, self.options.seed)
        return starting_values(task.model.parameters, self.initial, drawn)


def as_policy(text: str) -> str:
    """Return the text of a run by a policy, from that of the policy, or from the same text."""
    return text if text.startswith(f"{_POLICY}:") else f"{_POLICY}:{text}"


RunSpecLike: TypeAlias = "RunSpec | Runner | Scalar | Policy | str"


def _own_scalars(precision: RunPrecision) -> Wrap:
    """Return the function that gives a runner the Scalars of another one, wrappers included."""
    own = {scalar.name: scalar for scalar in precision.everything}
    return lambda scalar: reset_stream(own.get(scalar.name, scalar))


def _same(wrap: Wrap) -> Wrap:
    return wrap


def _wrapped(wraps: Sequence[Wrap], scalar: Scalar) -> Scalar:
    for wrap in wraps:
        scalar = wrap(scalar)
    return scalar


def _policy_and_options(words: list[str]) -> tuple[str, list[str]]:
    """Return a policy's text, and the options after it, from the parts between colons."""
    count = len(words)
    while count > 1 and words[count - 1] in (*BACKENDS, *DEVICES, _FAST):
        count -= 1
    return ":".join(words[:count]), words[count:]


def _option(word: str) -> dict[str, Any]:
    """Return the option that a word after the dtype sets."""
    if word in BACKENDS:
        return {"backend": word}
    return {"fast_kernels": True} if word == _FAST else {"device": word}


def _is_option(dtype: str, word: str) -> bool:
    """Return whether a word after a dtype's colon is an option instead of a dtype argument."""
    if word in BACKENDS or word == _FAST:
        return True
    backend = scalar_backend_of(dtype)
    lacks_argument = resolve(dtype).argument is None
    return not (backend is not None and ":" in backend.pattern and lacks_argument)
