"""The layers of one step of a run by a policy: their operands, and what they compute from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from numlean.autograd import Tape
from numlean.autograd.indices import INDEX
from numlean.autograd.primitives import cast
from numlean.autograd.tape import CotangentRule
from numlean.autograd.tensor import Tensor
from numlean.data import Batch
from numlean.interop.torch.autocast import Autocast
from numlean.interop.torch.library import on_one_thread
from numlean.interop.torch.network import to_loss, to_module
from numlean.interop.torch.tensors import our_tensor, their_tensor
from numlean.nn import Layer, Sequential
from numlean.nn.layer import Context, Mode, split_parameters
from numlean.precision.arithmetic import UNIFORM, LayerArithmetics, Use
from numlean.precision.loss_scaling import scaled_value_and_gradient
from numlean.scalar.protocol import Scalar
from numlean.training import Runner, Task
from numlean.training.parameters import merge_parameters, trainable_parameters

Results: TypeAlias = tuple[Tensor | None, ...]
"""The results of a call, one for each of its parts; None for one that the step does not have."""


class Call(ABC):
    """A layer or a loss in a step, with its operands.

    Attributes:
        name: The place and the class.
        x: The inputs.
    """

    name: str
    x: Tensor

    @property
    @abstractmethod
    def device(self) -> str:
        """The device of the operands."""

    @property
    @abstractmethod
    def parts(self) -> tuple[str, ...]:
        """The names of the results: the output, then the cotangents."""

    @abstractmethod
    def ours(
        self,
        arithmetics: LayerArithmetics,
        within: Scalar | None = None,
        rule: CotangentRule | None = None,
    ) -> Results:
        """Return the results in the arithmetics of a run.

        Args:
            arithmetics: The arithmetics of layers.
            within: The Scalar in which everything is computed instead, from the same operands.
            rule: The Scalars of cotangents; None for those of their tensors.
        """

    @abstractmethod
    def theirs(self, autocast: Autocast) -> Results:
        """Return the results of PyTorch."""


@dataclass(frozen=True)
class LayerCall(Call):
    """A layer in a step.

    Attributes:
        name: The position and the name of the layer, such as ``1 Tanh``.
        layer: The layer.
        path: Its position.
        parameters: Its parameters, before they are rounded to the layer's copies.
        x: Its inputs.
        cotangent: The cotangent of its outputs; None if the step computes none.
        has_input_gradient: Whether the step computes the cotangent of the inputs.
    """

    name: str
    layer: Layer
    path: tuple[int, ...]
    parameters: tuple[Tensor, ...]
    x: Tensor
    cotangent: Tensor | None
    has_input_gradient: bool

    @property
    def device(self) -> str:
        """The device of the inputs, or of the parameters."""
        return (self.parameters[0] if self.x.scalar is INDEX else self.x).scalar.device

    @property
    def parts(self) -> tuple[str, ...]:
        """The output, the gradient of the input, and those of the parameters."""
        own = (f"gradient of {spec.name}" for spec in self.layer.parameters)
        return ("output", "gradient of input", *own)

    @property
    def is_product(self) -> bool:
        """Whether the layer multiplies its inputs by weights."""
        return any(spec.use is Use.WEIGHT for spec in self.layer.parameters)

    def ours(
        self,
        arithmetics: LayerArithmetics,
        within: Scalar | None = None,
        rule: CotangentRule | None = None,
    ) -> Results:
        """Return the results in the arithmetics of a run, or from the same operands in one."""
        tape, own = Tape(), arithmetics.at(self.path)
        tape.rule = rule
        leaves = [tape.watch(p) for p in self.parameters]
        given = self.x if self.x.scalar is INDEX else tape.watch(self.x)
        pairs = zip(leaves, self.layer.parameters, strict=True)
        copies, x = [own.copy_of(leaf, spec.use) for leaf, spec in pairs], given
        if within is not None:
            if self.is_product:
                x = cast(x, own.copy_of(self.parameters[0], Use.WEIGHT).scalar)
            x = x if x.scalar is INDEX else cast(x, within)
            copies, arithmetics = [cast(p, within) for p in copies], UNIFORM
        context = Context(Mode.TRAIN, path=self.path, arithmetics=arithmetics)
        z = self.layer(copies, x, context)
        if self.cotangent is None or z.tape is not tape:
            return (z.detach(), *(None for _ in self.parts[1:]))
        found = tape.cotangents(z, cast(self.cotangent, z.scalar))
        inner = found.get(given.slot) if self.has_input_gradient else None
        return (z.detach(), inner, *(found.get(leaf.slot) for leaf in leaves))

    def theirs(self, autocast: Autocast) -> Results:
        """Return the results of the module of ``torch.nn``, from the same operands."""
        module = to_module(self.layer)
        names = [spec.name for spec in self.layer.parameters]
        values = map(their_tensor, self.parameters)
        module.load_state_dict(dict(zip(names, values, strict=True)), assign=True)
        x, device = their_tensor(self.x), self.device
        x.requires_grad_(self.has_input_gradient)
        with on_one_thread():
            with autocast.context():
                z = module.train()(x)
            if self.cotangent is not None and z.requires_grad:
                z.backward(their_tensor(self.cotangent).to(z.dtype))
        named = dict(module.named_parameters())
        gradients = (x.grad, *(named[name].grad for name in names))
        return (our_tensor(z, device), *(_or_none(g, device) for g in gradients))


@dataclass(frozen=True)
class LossCall(Call):
    """The loss in a step.

    Attributes:
        name: The class of the loss.
        task: The task.
        x: The outputs of the model.
        y: The targets.
        scale: The factor of the loss before it is differentiated; None for 1.
    """

    name: str
    task: Task
    x: Tensor
    y: Tensor
    scale: Tensor | None

    @property
    def device(self) -> str:
        """The device of the outputs of the model."""
        return self.x.scalar.device

    @property
    def parts(self) -> tuple[str, ...]:
        """The loss, and its gradient by the model's outputs."""
        return ("output", "gradient of input")

    def ours(
        self,
        arithmetics: LayerArithmetics,
        within: Scalar | None = None,
        rule: CotangentRule | None = None,
    ) -> Results:
        """Return the results in the arithmetics of a run, or from the same operands in one."""
        context = Context(Mode.TRAIN, arithmetics=arithmetics if within is None else UNIFORM)
        y = self.y if within is None or self.y.scalar is INDEX else cast(self.y, within)

        def loss(watched: Sequence[Tensor]) -> Tensor:
            x = watched[0] if within is None else cast(watched[0], within)
            return self.task.loss_of(context, x, y)

        value, (gradient,) = scaled_value_and_gradient(loss, [self.x], self.scale, rule=rule)
        return value, gradient

    def theirs(self, autocast: Autocast) -> Results:
        """Return the results of PyTorch's loss, from the same operands."""
        x, device = their_tensor(self.x).requires_grad_(True), self.device
        with on_one_thread():
            with autocast.context():
                loss = to_loss(self.task.loss)(x, their_tensor(self.y))
            (loss if self.scale is None else loss * self.scale.item()).backward()
        return our_tensor(loss, device), our_tensor(x.grad, device)


class _Tape(Tape):
    """A tape that keeps the cotangents of its backward sweep."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, Tensor] = {}

    def cotangents(self, value: Tensor, seed: Tensor) -> dict[int, Tensor]:
        """Return the cotangents of a sweep, and keep them."""
        self.found = super().cotangents(value, seed)
        return self.found


def calls_of(runner: Runner, sample: Batch, scale: Tensor | None) -> list[Call]:
    """Return the layers of a step of a runner in program order, the loss last.

    Args:
        runner: The runner before the step; its parameters stay.
        sample: The batch.
        scale: The factor of the loss; None for 1.
    """
    task, precision = runner.task, runner.precision
    specs, params = task.model.parameters, runner.model_params
    arithmetics = precision.arithmetics(runner.params)
    is_trainable = [spec.is_trainable for spec in specs]
    inputs, y = runner.batch(sample)
    task.model.output_shape(inputs.shape[1:])  # raises an error that names the layer
    tape, passed = _Tape(), list[Tensor]()
    leaves = precision.leaves(trainable_parameters(specs, params))
    layers = list(_leaf_layers(task.model, merge_parameters(is_trainable, leaves, params), ()))

    def loss(trained: Sequence[Tensor]) -> Tensor:
        merged = merge_parameters(is_trainable, trained, params)
        copies, x = precision.copies(specs, merged), inputs
        passed.append(x)
        for path, layer, own in _leaf_layers(task.model, copies, ()):
            context = Context(Mode.TRAIN, runner.clock, path, arithmetics=arithmetics)
            x = layer(own, x, context)
            passed.append(x)
        return task.loss_of(Context(Mode.TRAIN, arithmetics=arithmetics), x, y)

    scaled_value_and_gradient(loss, leaves, scale, new_tape=lambda: tape)
    calls: list[Call] = []
    for (path, layer, own), x, z in zip(layers, passed[:-1], passed[1:], strict=True):
        name = " ".join(filter(None, (".".join(map(str, path)), layer.name)))
        cotangent = tape.found.get(z.slot) if z.tape is tape else None
        is_watched = x.tape is tape and x.slot in tape.found
        calls.append(LayerCall(name, layer, path, tuple(own), x.detach(), cotangent, is_watched))
    calls.append(LossCall(type(task.loss).__name__, task, passed[-1].detach(), y, scale))
    return calls


def _leaf_layers(
    layer: Layer, parameters: Sequence[Tensor], path: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], Layer, Sequence[Tensor]]]:
    """Yield the layers inside ``Sequential`` with their positions and parameters, in order."""
    if not isinstance(layer, Sequential):
        yield path, layer, parameters
        return
    for index, (child, own) in enumerate(split_parameters(layer.layers, parameters)):
        yield from _leaf_layers(child, own, (*path, index))


def _or_none(z: Any, device: str) -> Tensor | None:
    return None if z is None else our_tensor(z, device)
