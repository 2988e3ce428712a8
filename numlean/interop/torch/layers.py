"""The layer of numlean for each kind of PyTorch module, and the options that it lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numlean import nn
from numlean.errors import UnavailableError
from numlean.interop.torch.library import library
from numlean.nn import Layer

Reader = Callable[[Any, str], Layer]
"""Return the layer of a module, for its path with a dot at the end, as errors show it."""


def refusal(module: Any, path: str, reason: str) -> UnavailableError:
    """Return the error for a module that cannot be converted."""
    where = f"{path.removesuffix('.')} " if path else ""
    return UnavailableError(f"from_torch: module {where}{type(module).__name__}: {reason}")


def _require(module: Any, path: str, **options: Any) -> None:
    """Check that options of a module have the only values that numlean's layer has."""
    for name, value in options.items():
        found = getattr(module, name)
        if found != value:
            raise refusal(
                module, path, f"{name}={found!r} is not supported; numlean has {name}={value!r}"
            )


def _linear(module: Any, path: str) -> Layer:
    return nn.Linear(module.in_features, module.out_features, module.bias is not None)


def _convolution(module: Any, path: str) -> Layer:
    _require(module, path, padding_mode="zeros")
    return nn.Conv2d(
        module.in_channels,
        module.out_channels,
        module.kernel_size,
        module.stride,
        _padding(module, path),
        module.dilation,
        module.groups,
        module.bias is not None,
    )


def _padding(module: Any, path: str) -> tuple[int, int]:
    if not isinstance(module.padding, str):
        rows, columns = module.padding
        return rows, columns
    if module.padding == "valid":
        return 0, 0
    pairs = zip(module.dilation, module.kernel_size, strict=True)
    rows, columns = (d * (k - 1) for d, k in pairs)
    if rows % 2 or columns % 2:
        raise refusal(
            module, path, "padding='same' pads one side more; numlean pads both sides alike"
        )
    return rows // 2, columns // 2


def _pair(extent: Any) -> Any:
    return tuple(extent) if isinstance(extent, list | tuple) else extent


def _max_pool(module: Any, path: str) -> Layer:
    _require(module, path, ceil_mode=False, return_indices=False)
    extents = (module.kernel_size, module.stride, module.padding, module.dilation)
    return nn.MaxPool2d(*map(_pair, extents))


def _average_pool(module: Any, path: str) -> Layer:
    _require(module, path, ceil_mode=False, divisor_override=None)
    if module.padding not in (0, (0, 0)):
        _require(module, path, count_include_pad=True)
    return nn.AvgPool2d(*map(_pair, (module.kernel_size, module.stride, module.padding)))


def _batch_norm(module: Any, path: str) -> Layer:
    _require(module, path, track_running_stats=True)
    if module.momentum is None:
        raise refusal(module, path, "momentum=None is not supported; numlean has a number")
    return nn.BatchNorm(
        module.num_features,
        module.eps,
        module.momentum,
        affine=module.affine,
        unbiased_running_var=True,
    )


def _layer_norm(module: Any, path: str) -> Layer:
    return nn.LayerNorm(
        _only_extent(module, path),
        module.eps,
        elementwise_affine=module.elementwise_affine,
        bias=not module.elementwise_affine or module.bias is not None,
    )


def _rms_norm(module: Any, path: str) -> Layer:
    torch = library()
    # Without eps, PyTorch takes that of the inputs, here as wide as the weight.
    own = torch.float32 if module.weight is None else module.weight.dtype
    epsilon = torch.finfo(own).eps if module.eps is None else module.eps
    extent = _only_extent(module, path)
    return nn.RMSNorm(extent, epsilon, elementwise_affine=module.elementwise_affine)


def _only_extent(module: Any, path: str) -> int:
    shape = tuple(module.normalized_shape)
    if len(shape) != 1:
        raise refusal(
            module,
            path,
            f"normalized_shape={shape} is not supported; numlean normalizes the last axis",
        )
    return int(shape[0])


def _embedding(module: Any, path: str) -> Layer:
    _require(module, path, max_norm=None, scale_grad_by_freq=False)
    return nn.Embedding(module.num_embeddings, module.embedding_dim, module.padding_idx)


def _recurrent(make: Callable[..., Layer]) -> Reader:
    def read(module: Any, path: str) -> Layer:
        _require(module, path, batch_first=True, proj_size=0)
        is_plain = type(module).__name__ == "RNN"
        return make(
            module.input_size,
            module.hidden_size,
            bias=bool(module.bias),
            num_layers=module.num_layers,
            bidirectional=module.bidirectional,
            dropout=module.dropout if module.num_layers > 1 else 0.0,
            **({"nonlinearity": module.nonlinearity} if is_plain else {}),
        )

    return read


def _attention(module: Any, path: str) -> Layer:
    n = module.embed_dim
    _require(module, path, batch_first=True, dropout=0.0, add_zero_attn=False, kdim=n, vdim=n)
    if module.bias_k is not None or module.bias_v is not None:
        raise refusal(module, path, "add_bias_kv=True is not supported")
    return nn.MultiHeadAttention(n, module.num_heads, bias=module.in_proj_bias is not None)


def _flatten(module: Any, path: str) -> Layer:
    _require(module, path, start_dim=1, end_dim=-1)
    return nn.Flatten()


def _unflatten(module: Any, path: str) -> Layer:
    _require(module, path, dim=1)
    return nn.Reshape(*(int(extent) for extent in module.unflattened_size))


def _softplus(module: Any, path: str) -> Layer:
    # Beyond PyTorch's threshold, 20, the result is x, which it almost equals.
    _require(module, path, beta=1, threshold=20)
    return nn.Softplus()


def _gelu(module: Any, path: str) -> Layer:
    return nn.GELU(approximate=module.approximate)


def _along_the_last_axis(make: Callable[[], Layer]) -> Reader:
    def read(module: Any, path: str) -> Layer:
        _require(module, path, dim=-1)
        return make()

    return read


def _plain(make: Callable[[], Layer]) -> Reader:
    return lambda module, path: make()


def _dropout(module: Any, path: str) -> Layer:
    if module.p == 1:
        raise refusal(module, path, "p=1 is not supported; numlean has a probability below 1")
    return nn.Dropout(module.p)


LAYERS: Final[dict[str, Reader]] = {
    "AvgPool2d": _average_pool,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "BatchNorm3d": _batch_norm,
    "Conv2d": _convolution,
    "Dropout": _dropout,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "GELU": _gelu,
    "GRU": _recurrent(nn.GRU),
    "Identity": _plain(nn.Sequential),
    "LSTM": _recurrent(nn.LSTM),
    "LayerNorm": _layer_norm,
    "Linear": _linear,
    "LogSoftmax": _along_the_last_axis(nn.LogSoftmax),
    "MaxPool2d": _max_pool,
    "MultiheadAttention": _attention,
    "RMSNorm": _rms_norm,
    "RNN": _recurrent(nn.RNN),
    "ReLU": _plain(nn.ReLU),
    "SiLU": _plain(nn.SiLU),
    "Sigmoid": _plain(nn.Sigmoid),
    "Softmax": _along_the_last_axis(nn.Softmax),
    "Softplus": _softplus,
    "Tanh": _plain(nn.Tanh),
    "Unflatten": _unflatten,
}
"""The modules of ``torch.nn`` that have a counterpart, by name."""
