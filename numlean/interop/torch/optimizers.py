"""Optimizers as PyTorch's."""

from __future__ import annotations

from typing import Any

from numlean.errors import UnavailableError
from numlean.interop.torch.library import library
from numlean.optim import SGD, Adam, AdamW, Optimizer


def to_optimizer(optimizer: Optimizer, module: Any) -> Any:
    """Return the ``torch.optim`` counterpart of an optimizer for a module's parameters.

    The formulas of Adam and AdamW differ: PyTorch divides the root by the root of the correction,
    then adds epsilon.

    Raises:
        UnavailableError: There is no counterpart.
    """
    optim, parameters = library().optim, module.parameters()
    match optimizer:
        case SGD():
            return optim.SGD(
                parameters,
                lr=optimizer.lr,
                momentum=optimizer.momentum,
                nesterov=optimizer.nesterov,
                weight_decay=optimizer.weight_decay,
            )
        case Adam():
            return optim.Adam(parameters, **_moments(optimizer))
        case AdamW():
            decay = optimizer.weight_decay
            return optim.AdamW(parameters, **_moments(optimizer), weight_decay=decay)
    raise UnavailableError(
        f"the optimizer {type(optimizer).__name__} has no counterpart in torch.optim; supported"
        " optimizers: SGD, Adam, AdamW"
    )


def _moments(optimizer: Adam | AdamW) -> dict[str, Any]:
    betas = (optimizer.beta1, optimizer.beta2)
    return {"lr": optimizer.lr, "betas": betas, "eps": optimizer.epsilon}
