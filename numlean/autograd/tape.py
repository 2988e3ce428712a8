"""The tape: the computed operations in program order, and the backward sweep over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numlean.arguments import checked, describe_value
from numlean.errors import MixedScalarError, NumleanError, ShapeError
from numlean.scalar.identity import name_both

if TYPE_CHECKING:
    from numlean.autograd.primitive import Primitive
    from numlean.autograd.tensor import Tensor
    from numlean.scalar.protocol import Scalar


class CotangentRule(Protocol):
    """Scalars of cotangents that are not in the Scalar of their tensor."""

    def widened(self, x: Tensor, scalar: Scalar) -> Tensor:
        """Return a tensor of a Scalar, or its cotangent, as vector-Jacobian products take it.

        No number changes.
        """

    def held(self, cotangent: Tensor, scalar: Scalar, *, is_of_watched: bool) -> Tensor:
        """Return the cotangent of a tensor of a Scalar, rounded to where it is held.

        Args:
            cotangent: The cotangent, as a vector-Jacobian product returned it.
            scalar: The tensor's own Scalar.
            is_of_watched: Whether it is watched, or computed from watched tensors alone.
        """


@dataclass(frozen=True)
class Node:
    """One application of a primitive.

    Attributes:
        primitive: The operation.
        inputs: Its operands.
        parameters: The arguments that are not tensors.
        output: The result, without a history.
    """

    primitive: Primitive
    inputs: tuple[Tensor, ...]
    parameters: Mapping[str, Any]
    output: Tensor


@checked
class Tape:
    """A record of primitives applied to watched tensors and to the results of primitives.

    ``nodes[slot]`` made the tensor of that slot; a watched tensor's slot holds None.

    A cotangent is in the Scalar of its tensor, unless the tape has a ``rule``. By a rule, a node's
    vector-Jacobian products are evaluated with the cotangent, the output and the inputs widened
    exactly; each part is then rounded to the Scalar that holds the cotangents of its input, and
    parts that meet are added there. Watched tensors, and tensors computed from them alone such as a
    transposed weight, have cotangents in their own Scalar.

    Attributes:
        nodes: The applications, by slot.
        rule: The Scalars of cotangents, or None; :func:`value_and_gradient` sets it.
    """

    def __init__(self) -> None:
        self.nodes: list[Node | None] = []
        self.rule: CotangentRule | None = None
        self._is_of_watched: list[bool] = []

    def watch(self, x: Tensor) -> Tensor:
        """Return the same numbers as a tensor whose use is recorded from here on."""
        self.nodes.append(None)
        return x.on_tape(self, len(self.nodes) - 1)

    def record(self, node: Node) -> Tensor:
        """Put an application on the tape and return its output, watched."""
        self.nodes.append(node)
        return node.output.on_tape(self, len(self.nodes) - 1)

    def gradient(self, value: Tensor, watched: Sequence[Tensor]) -> list[Tensor]:
        """Return the gradient of a number with respect to watched tensors, by one backward sweep.

        Nodes are visited in reverse program order. Cotangents that meet in one tensor are added in
        the order in which the sweep produces them, the inputs of one node from left to right. A
        tensor the value does not depend on has the gradient zero.

        Raises:
            ShapeError: ``value`` is not a single number.
            MixedScalarError: A tensor is not watched by this tape.
        """
        if value.size != 1:
            raise ShapeError(f"only a single number has a gradient; got shape {value.shape}")
        if any(x.tape is not self for x in watched):
            raise MixedScalarError("gradients need tensors that the same tape watches")
        cotangents: dict[int, Tensor] = {}
        if value.tape is self:
            one = value.literal(1.0).reshape(*value.shape)
            cotangents = self.cotangents(value, one)
        return [cotangents[x.slot] if x.slot in cotangents else zeros_like(x) for x in watched]

    def cotangents(self, value: Tensor, seed: Tensor) -> dict[int, Tensor]:
        """Return the cotangent of each tensor that a value depends on, by slot.

        One backward sweep, as for ``gradient``. The seed is in the Scalar of the value; by a rule,
        it is rounded to where the cotangents of the value are held.

        Raises:
            MixedScalarError: The value is not watched by this tape; or the seed, or the result of a
                vector-Jacobian product, is not in the Scalar of its tensor.
            ShapeError: The seed is not of the value's shape.
        """
        if value.tape is not self:
            raise MixedScalarError("a backward sweep starts from a tensor that the tape watches")
        if seed.shape != value.shape:
            raise ShapeError(f"the cotangent of shape {value.shape} is not of shape {seed.shape}")
        _check_scalar(seed, value, "the cotangent from which a backward sweep starts")
        if self.rule is not None:
            self._is_of_watched = self._find_results_of_watched()
            is_of_watched = self._is_of_watched[value.slot]
            seed = self.rule.held(seed, value.scalar, is_of_watched=is_of_watched)
        cotangents = {value.slot: seed}
        for slot in range(value.slot, -1, -1):
            node = self.nodes[slot]
            if node is not None and slot in cotangents:
                self.sweep(node, cotangents[slot], cotangents)
        return cotangents

    def sweep(self, node: Node, g: Tensor, cotangents: dict[int, Tensor]) -> None:
        """Add one node's part of the backward sweep: its inputs' cotangents, from its output's."""
        values, z, rule = [x.detach() for x in node.inputs], node.output, self.rule
        if rule is not None:
            values = [rule.widened(x, x.scalar) for x in values]
            g, z = rule.widened(g, z.scalar), rule.widened(z, z.scalar)
        for k, (x, vjp) in enumerate(zip(node.inputs, node.primitive.vjps, strict=True)):
            if x.tape is self and vjp is not None:
                part = vjp(g, z, *values, **node.parameters)
                if part.scalar is not values[k].scalar:
                    _check_scalar(
                        part, values[k], f"the gradient of {node.primitive.name} by its input {k}"
                    )
                if rule is not None:
                    is_of_watched = self._is_of_watched[x.slot]
                    part = rule.held(part, x.scalar, is_of_watched=is_of_watched)
                earlier = cotangents.get(x.slot)
                cotangents[x.slot] = part if earlier is None else earlier + part

    def _find_results_of_watched(self) -> list[bool]:
        """Return by slot whether a tensor is watched or computed from watched tensors alone."""
        found: list[bool] = []
        for node in self.nodes:
            found.append(node is None or all(x.tape is self and found[x.slot] for x in node.inputs))
        return found


def _check_scalar(cotangent: Tensor, x: Tensor, what: str) -> None:
    """Check that a cotangent belongs to the Scalar of its tensor.

    Raises:
        MixedScalarError: It does not.
    """
    if cotangent.scalar != x.scalar:
        raise MixedScalarError(
            f"{what} and its tensor belong to different Scalars:"
            f" {name_both(cotangent.scalar, x.scalar)}; cast it with nl.cast(g, x.scalar)"
        )


def zeros_like(x: Tensor) -> Tensor:
    """Return a tensor of +0 of the same shape."""
    return x.like(x.literal(0.0).data.repeat(x.size).reshape(x.shape))


@checked
def value_and_gradient(
    program: Callable[[Sequence[Tensor]], Tensor],
    parameters: Sequence[Tensor],
    *,
    new_tape: Callable[[], Tape] = Tape,
    rule: CotangentRule | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Return the value of a program of parameters, and the gradient with respect to each.

    Args:
        program: Returns a single number.
        parameters: Tensors, each of any Scalar; its gradient is of the same.
        new_tape: Makes the tape; a subclass can observe its operations.
        rule: The Scalars of cotangents; None for those of their tensors.

    Raises:
        ShapeError: The program returned something other than a single number.
    """
    tape = new_tape()
    if not isinstance(tape, Tape):
        raise NumleanError(f"new_tape must return a Tape, got {describe_value(tape)}")
    tape.rule = rule
    watched = [tape.watch(p) for p in parameters]
    value = program(watched)
    gradient = tape.gradient(value, watched)
    # Its tensors hold the tape: no array would be free again before Python looks for cycles.
    tape.nodes.clear()
    return value.detach(), gradient
