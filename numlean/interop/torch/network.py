"""A task as a PyTorch module and loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean.errors import UnavailableError
from numlean.interop.torch.library import library, tensor
from numlean.losses import (
    IGNORED,
    BinaryCrossEntropyWithLogits,
    CrossEntropy,
    CrossEntropyOneHot,
    Loss,
    MeanSquaredError,
)
from numlean.nn import (
    GELU,
    AvgPool2d,
    Conv2d,
    Embedding,
    Flatten,
    Layer,
    LayerNorm,
    Linear,
    LogSoftmax,
    MaxPool2d,
    ReLU,
    Reshape,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from numlean.training import Runner, Task


def to_torch(task: Task, runner: Runner) -> tuple[Any, Any]:
    """Return the task's model as a ``torch.nn.Module`` with a runner's parameters, and its loss.

    Parameters have the runner's bits, and the names that they have in the model.

    Raises:
        UnavailableError: PyTorch is not installed, or it lacks a layer or the loss.
    """
    module = to_module(task.model)
    names = (spec.name for spec in task.model.parameters)
    named = zip(names, runner.model_params, strict=True)
    values = {name: tensor(p.data).clone() for name, p in named}
    # Assigned, not copied, so that the module also gets the parameters' dtype.
    module.load_state_dict(values, assign=True)
    return module.train(), to_loss(task.loss)


def to_module(layer: Layer) -> Any:
    """Return the ``torch.nn`` counterpart of a layer, with its own parameters.

    Raises:
        UnavailableError: There is no counterpart.
    """
    nn = library().nn
    if isinstance(layer, Sequential):
        return nn.Sequential(*map(to_module, layer.children))
    make = _LAYERS.get(type(layer))
    if make is not None:
        return make(nn, layer)
    for activation, theirs in _ACTIVATIONS:
        if layer == activation:
            return theirs(nn)
    names = ["Sequential", *(kind.__name__ for kind in _LAYERS)]
    names += [activation.name for activation, _ in _ACTIVATIONS]
    raise UnavailableError(
        f"the layer {layer.name} has no counterpart in torch.nn; supported layers:"
        f" {', '.join(names)}"
    )


def to_loss(loss: Loss) -> Any:
    """Return the ``torch.nn`` counterpart of a loss, a function of predictions and targets.

    Raises:
        UnavailableError: There is no counterpart.
    """
    nn = library().nn
    match loss:
        case MeanSquaredError():
            return nn.MSELoss(reduction=loss.reduction.value)
        case BinaryCrossEntropyWithLogits():
            return nn.BCEWithLogitsLoss(reduction=loss.reduction.value)
        case CrossEntropy() | CrossEntropyOneHot():
            return _over_the_last_axis(loss)
    raise UnavailableError(
        f"the loss {type(loss).__name__} has no counterpart in torch.nn; supported losses:"
        " MeanSquaredError, BinaryCrossEntropyWithLogits, CrossEntropy, CrossEntropyOneHot"
    )


def _over_the_last_axis(loss: CrossEntropy | CrossEntropyOneHot) -> Callable[[Any, Any], Any]:
    """Return PyTorch's loss over the second axis for predictions with classes last."""
    functional = library().nn.functional
    ignored = loss.ignore_index if isinstance(loss, CrossEntropy) else None
    options = {"reduction": loss.reduction.value, "label_smoothing": loss.label_smoothing}
    if ignored is not None:
        options["ignore_index"] = ignored

    def last_axis_loss(prediction: Any, target: Any) -> Any:
        has_classes = target.ndim == prediction.ndim
        moved = target.movedim(-1, 1) if has_classes else target
        if ignored is not None:
            # The runner's labels have another index in the place of an ignored one.
            moved = moved.masked_fill(moved == IGNORED, ignored)
        weight = None if loss.weight is None else prediction.new_tensor(loss.weight)
        return functional.cross_entropy(prediction.movedim(-1, 1), moved, weight, **options)

    return last_axis_loss


def _pooling(name: str) -> Callable[[Any, Any], Any]:
    def make(nn: Any, layer: Any) -> Any:
        window = layer.window
        dilation = () if window.dilation == (1, 1) else (window.dilation,)
        return getattr(nn, name)(window.kernel, window.stride, window.padding, *dilation)

    return make


def _convolution(nn: Any, layer: Any) -> Any:
    window = layer.window
    extents = (window.kernel, window.stride, window.padding)
    options = (window.dilation, layer.groups, layer.bias)
    return nn.Conv2d(layer.in_channels, layer.out_channels, *extents, *options)


def _layer_norm(nn: Any, layer: Any) -> Any:
    affine, bias = layer.elementwise_affine, layer.bias
    return nn.LayerNorm(layer.features, layer.epsilon, elementwise_affine=affine, bias=bias)


def _rms_norm(nn: Any, layer: Any) -> Any:
    affine = layer.elementwise_affine
    return nn.RMSNorm(layer.features, layer.epsilon, elementwise_affine=affine)


def _embedding(nn: Any, layer: Any) -> Any:
    return nn.Embedding(layer.num_embeddings, layer.embedding_dim, layer.padding_idx)


_LAYERS: Final[dict[type[Layer], Callable[[Any, Any], Any]]] = {
    Embedding: _embedding,
    LayerNorm: _layer_norm,
    RMSNorm: _rms_norm,
    Linear: lambda nn, layer: nn.Linear(layer.in_features, layer.out_features, layer.bias),
    Conv2d: _convolution,
    MaxPool2d: _pooling("MaxPool2d"),
    AvgPool2d: _pooling("AvgPool2d"),
    Flatten: lambda nn, layer: nn.Flatten(),
    Reshape: lambda nn, layer: nn.Sequential(nn.Flatten(), nn.Unflatten(1, layer.shape)),
}
_ACTIVATIONS: Final[tuple[tuple[Layer, Callable[[Any], Any]], ...]] = (
    (ReLU(), lambda nn: nn.ReLU()),
    (Tanh(), lambda nn: nn.Tanh()),
    (Sigmoid(), lambda nn: nn.Sigmoid()),
    (Softplus(), lambda nn: nn.Softplus()),
    (SiLU(), lambda nn: nn.SiLU()),
    (GELU(), lambda nn: nn.GELU()),
    (GELU(approximate="tanh"), lambda nn: nn.GELU(approximate="tanh")),
    (Softmax(), lambda nn: nn.Softmax(-1)),
    (LogSoftmax(), lambda nn: nn.LogSoftmax(-1)),
)
