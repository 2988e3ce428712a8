"""The arithmetics of a run: one Scalar, or those of a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, final

from numlean.arguments import describe_value
from numlean.autograd.indices import INDEX
from numlean.autograd.primitives import cast
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.names import did_you_mean
from numlean.nn.layer import Layer, ParameterSpec, zeros
from numlean.optim import Optimizer, loss_scaled
from numlean.optim.mixed import MixedUpdate
from numlean.optim.scaled_loss import scales_loss
from numlean.precision.arithmetic import UNIFORM, LayerArithmetics, MixedArithmetic, Use
from numlean.precision.delayed_scales import DelayedScales
from numlean.precision.layer_product import LayerPrecision
from numlean.precision.policy import Policy, PolicyError
from numlean.precision.resolved import Resolve, RunScalars, resolve_policy
from numlean.scalar.constants import formula
from numlean.scalar.contract import check_members, reset_stream
from numlean.scalar.innermost import innermost
from numlean.scalar.protocol import Scalar

if TYPE_CHECKING:
    from numlean.training.task import Task

Wrap: TypeAlias = Callable[[Scalar], Scalar]
"""Returns a wrapper of a Scalar, such as one that traces; or the Scalar itself."""

FIRST, LAST = "first", "last"
"""Names of the first and the last layer that has weights of products."""


@final
@dataclass(frozen=True)
class RunPrecision:
    """The arithmetics of a run.

    Attributes:
        scalars: The Scalars outside layers.
        layers: The arithmetics of layers.
        everything: All Scalars, each once.
        policy: The policy; None for a run in one Scalar.
        named: The Scalars of a policy, by the texts of their dtypes.
        delayed: The delayed scales. The run keeps their numbers after parameters and buffers.
    """

    scalars: RunScalars
    layers: LayerArithmetics
    everything: tuple[Scalar, ...]
    policy: Policy | None = None
    named: Mapping[str, Scalar] = field(default_factory=dict, compare=False, repr=False)
    delayed: DelayedScales = field(default_factory=DelayedScales)

    @classmethod
    def uniform(cls, scalar: Scalar) -> RunPrecision:
        """Return the arithmetics of a run in one Scalar."""
        return cls(RunScalars.uniform(scalar), UNIFORM, (scalar,))

    @classmethod
    def of(cls, policy: Policy, task: Task, resolve: Resolve) -> RunPrecision:
        """Return the arithmetics of a run by a policy.

        Raises:
            PolicyError: Fields are unknown or contradict each other, or the model lacks a layer.
        """
        found = resolve_policy(policy, resolve)
        paths = {name: _path_of(task.model, name) for name in found.exceptions}
        exceptions = {paths[name]: each for name, each in found.exceptions.items()}
        layers = LayerArithmetics(found.common, exceptions)
        delayed = DelayedScales.of(_products(task.model, layers))
        return cls(found.scalars, layers, found.everything, policy, found.named, delayed)

    def wrapped(self, wrap: Wrap, task: Task) -> RunPrecision:
        """Return the same arithmetics with every Scalar wrapped, its random stream reset.

        Args:
            wrap: Returns the wrapper of a Scalar.
            task: The task of the run, whose layers have the same names.
        """
        if self.policy is None:
            return RunPrecision.uniform(wrap(reset_stream(self.scalars.data)))
        own = self.named
        return RunPrecision.of(self.policy, task, lambda dtype: wrap(reset_stream(own[dtype])))

    def adopted(self, x: Tensor) -> Tensor:
        """Return a tensor's numbers in the run's own Scalar of the same arithmetic.

        The tensor may be that of another run whose Scalars have other wrappers. Indices, and
        numbers of an arithmetic that the run does not have, stay as they are.
        """
        if x.scalar is INDEX:
            return x
        own = next((each for each in self.everything if each.name == x.scalar.name), None)
        if own is None:
            theirs = innermost(x.scalar)
            own = next((each for each in self.everything if innermost(each) == theirs), None)
        return x if own is None else Tensor(own, x.data)

    def start_step(self, step: int) -> None:
        """Make the next random numbers of all Scalars a function of the number of updates."""
        for scalar in self.everything:
            scalar.start_step(step)

    def optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Return the optimizer that updates parameters and state in their Scalars.

        Raises:
            PolicyError: The optimizer itself scales the loss of a run by a policy.
        """
        if self.policy is None:
            return optimizer
        if scales_loss(optimizer):
            raise PolicyError(
                "the policy says how the loss is scaled: set its field loss_scaling, and pass the"
                " optimizer without loss_scaled"
            )
        return loss_scaled(MixedUpdate(optimizer, self.scalars), self.policy.loss_scaling)

    def handed(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradients in the Scalar in which the optimizer is given them."""
        if self.policy is None:
            return [*gradients]
        return [cast(g, self.scalars.weight_gradients) for g in gradients]

    @property
    def scale_count(self) -> int:
        """The number of tensors of delayed scales."""
        return len(self.delayed.names)

    def specs(self, model: Layer) -> tuple[ParameterSpec, ...]:
        """Return the parameters and buffers of a model, and the numbers of delayed scales."""
        numbers = zip(self.delayed.names, self.delayed.initial, strict=True)
        scales = (ParameterSpec(name, x.shape, zeros, is_trainable=False) for name, x in numbers)
        return (*model.parameters, *scales)

    def parameter_scalars(self, model: Layer) -> list[Scalar]:
        """Return the Scalar of each parameter and buffer, and of the numbers of delayed scales."""
        own, data = self.scalars.parameters, self.scalars.data
        of_model = (own if spec.is_trainable else data for spec in model.parameters)
        return [*of_model, *(x.scalar for x in self.delayed.initial)]

    def arithmetics(
        self, values: Sequence[Tensor], *, is_observing: bool = False
    ) -> LayerArithmetics:
        """Return the arithmetics of layers in a step.

        Args:
            values: All numbers of the run, in the order of ``specs``.
            is_observing: Whether the step determines the scales of the next one.
        """
        if not self.delayed.tensors:
            return self.layers
        scales = values[len(values) - self.scale_count :]
        return replace(self.layers, scales=self.delayed.step(scales, is_observing=is_observing))

    def following_scales(self, arithmetics: LayerArithmetics) -> dict[str, Tensor]:
        """Return the numbers of delayed scales after a step in these arithmetics, by name."""
        if arithmetics.scales is None:
            return {}
        return dict(zip(self.delayed.names, arithmetics.scales.following, strict=True))

    def leaves(self, parameters: Sequence[Tensor]) -> list[Tensor]:
        """Return the copies of trainable parameters by which a step differentiates."""
        return [cast(p, self.scalars.leaves) for p in parameters] if self.policy else [*parameters]

    def copies(self, specs: Sequence[ParameterSpec], parameters: Sequence[Tensor]) -> list[Tensor]:
        """Return the copies of a model's parameters and buffers with which the layers compute."""
        if self.policy is None:
            return [*parameters]
        return [
            self._copy(spec, p) if spec.is_trainable else p
            for spec, p in zip(specs, parameters, strict=True)
        ]

    def _copy(self, spec: ParameterSpec, parameter: Tensor) -> Tensor:
        with formula(f"copy of {spec.name}"):
            return self.layers.of_parameter(spec.name).copy_of(parameter, spec.use)


def _products(
    model: Layer, layers: LayerArithmetics
) -> Iterator[tuple[tuple[int, ...], str, bool, LayerPrecision]]:
    """Yield all products of a run: its layer's position, its name, if of a weight, and how."""
    for path, layer in (((), model.observed), *_layers(model, ())):
        arithmetic = layers.at(path)
        weights = {spec.name for spec in layer.parameters if spec.use is Use.WEIGHT}
        if isinstance(arithmetic, MixedArithmetic):
            for name in layer.products:
                yield path, name, name in weights, arithmetic.products


def checked_wrapper(scalar: Scalar, wrapper: Scalar) -> Scalar:
    """Return the wrapper of a Scalar, once checked.

    Raises:
        NumleanError: It is not a Scalar, or not one of the same numbers on the same device.
    """
    if not hasattr(wrapper, "storage_dtype"):
        raise NumleanError(
            f"wrap returned {describe_value(wrapper)} for {scalar.name}; return the Scalar or a"
            " numlean.WrappedScalar around it"
        )
    check_members(wrapper)
    given, found = ((s.format, s.storage_dtype, s.device) for s in (scalar, wrapper))
    if given != found:
        raise NumleanError(
            f"wrap returned another arithmetic for {scalar.name} on {scalar.device}:"
            f" {wrapper.name} on {wrapper.device}; return a Scalar of the same numbers and device"
        )
    return wrapper


def _path_of(model: Layer, name: str) -> tuple[int, ...]:
    """Return the position of a layer by its name, such as ``0 Linear``, ``0.1``, ``last``.

    Raises:
        PolicyError: The model has no such layer.
    """
    layers = dict(_layers(model, ()))
    weighted = [path for path, layer in layers.items() if _has_weights(layer)]
    if name in (FIRST, LAST) and weighted:
        return weighted[0 if name == FIRST else -1]
    for path, layer in layers.items():
        number = ".".join(map(str, path))
        if name in (number, f"{number} {type(layer).__name__}"):
            return path
    known = [f"{'.'.join(map(str, path))} {type(layer).__name__}" for path, layer in layers.items()]
    raise PolicyError(
        f"the policy has an exception for the layer {name!r}, but the model's layers are"
        f" {', '.join((*known, FIRST, LAST))}{did_you_mean(name, known)}"
    )


def _layers(layer: Layer, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Layer]]:
    """Yield the layers inside a layer with their positions, in order."""
    for index, child in enumerate(layer.observed.children):
        yield (*path, index), child.observed
        yield from _layers(child, (*path, index))


def _has_weights(layer: Layer) -> bool:
    return not layer.children and any(spec.use is Use.WEIGHT for spec in layer.parameters)
