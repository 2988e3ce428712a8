"""A PyTorch module as a model of numlean, with its weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from numlean.errors import UnavailableError
from numlean.interop.torch.layers import LAYERS, refusal
from numlean.interop.torch.library import library
from numlean.losses import Loss
from numlean.nn import Layer, Sequential
from numlean.precision import Policy
from numlean.scalar.protocol import Scalar
from numlean.training import Options, Runner, Task, instantiate

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]


class TorchModel(NamedTuple):
    """The model of a PyTorch module, and its weights.

    Attributes:
        model: The layers.
        weights: The parameters and buffers as exact binary64 numbers, by their names in the model.
            ``instantiate``, ``crosscheck`` and ``compare`` take them as ``initial``.
    """

    model: Layer
    weights: dict[str, Floats]

    def runner(
        self,
        loss: Loss,
        scalar: Scalar | Policy | str = "float32",
        options: Options | None = None,
    ) -> Runner:
        """Return a runner of the model with these weights, each rounded once.

        Args:
            loss: The loss.
            scalar: The arithmetic, or a policy, which rounds parameters and buffers to their roles.
            options: The options; by default the eager engine.
        """
        return instantiate(Task(self.model, loss), scalar, options, initial=self.weights)


def from_torch(module: Any) -> TorchModel:
    """Return the model of a ``torch.nn`` module, with its weights.

    Layers that numlean has and ``Sequential``, at any depth, are converted; ``Identity`` becomes an
    empty ``Sequential``. Recurrent layers and attention are those with ``batch_first=True``; they
    return their outputs only. The masks of ``Dropout`` are numlean's own. numlean trains each
    parameter of each layer on its own, so frozen and shared parameters are refused.

    Raises:
        UnavailableError: PyTorch is not installed, or numlean has no counterpart of a module, of
            one of its options, or of one of its weights; the message names it.
    """
    torch = library()
    if not isinstance(module, torch.nn.Module):
        raise UnavailableError(f"from_torch takes a torch.nn.Module, got {type(module).__name__}")
    _check_not_shared(module)
    model = _layer(module, "")
    return TorchModel(model, dict(_weights(module, model, "")))


def _layer(module: Any, path: str) -> Layer:
    nn = library().nn
    if module._forward_hooks or module._forward_pre_hooks:
        raise refusal(module, path, "it has hooks, which numlean cannot call; remove them")
    if _is_sequential(module):
        return Sequential(*(_layer(each, f"{path}{k}.") for k, each in enumerate(module)))
    make = LAYERS.get(type(module).__name__)
    if make is None or type(module) is not getattr(nn, type(module).__name__, None):
        raise refusal(
            module, path, f"it has no counterpart in numlean; supported: Sequential, {_supported()}"
        )
    return make(module, path)


def _supported() -> str:
    return ", ".join(sorted(LAYERS))


def _is_sequential(module: Any) -> bool:
    """Return whether a module applies its children in order, as ``torch.nn.Sequential`` does."""
    sequential = library().nn.Sequential
    return isinstance(module, sequential) and type(module).forward is sequential.forward


def _weights(module: Any, layer: Layer, path: str) -> Iterator[tuple[str, Floats]]:
    """Yield the names and numbers of a module's tensors, in the order of the layer's parameters."""
    if _is_sequential(module):
        for k, (inner, own) in enumerate(zip(module, layer.children, strict=True)):
            yield from _weights(inner, own, f"{path}{k}.")
        return
    there = dict(module.state_dict())
    there.pop("num_batches_tracked", None)
    for spec in layer.parameters:
        tensor = there.pop(spec.name, None)
        if tensor is not None:
            yield path + spec.name, _floats(module, path, spec.name, tensor)
        elif spec.is_trainable:
            raise refusal(module, path, f"it has no {spec.name}")
    if there:
        raise refusal(module, path, f"numlean's layer has no {', '.join(there)}")


def _floats(module: Any, path: str, name: str, tensor: Any) -> Floats:
    if tensor.is_meta or not tensor.is_floating_point():
        kind = "has no numbers (meta)" if tensor.is_meta else f"has the dtype {tensor.dtype}"
        raise refusal(module, path, f"{name} {kind}; numlean takes floating-point weights")
    own = dict(module.named_parameters()).get(name)
    if own is not None and not own.requires_grad:
        raise refusal(
            module,
            path,
            f"{name} is frozen, but numlean trains every parameter; call"
            " module.requires_grad_(True) first",
        )
    values: Floats = tensor.detach().cpu().double().numpy().copy()
    return values


def _check_not_shared(module: Any) -> None:
    names: dict[int, str] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        other = names.setdefault(id(parameter), name)
        if other != name:
            raise UnavailableError(
                f"from_torch: {other} and {name} are one parameter, but numlean's layers do not"
                " share parameters; copy the module"
            )
