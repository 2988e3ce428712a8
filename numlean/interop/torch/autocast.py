"""``torch.autocast`` on the CPU as the counterpart of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from numlean.errors import UnavailableError
from numlean.interop.torch.library import library
from numlean.precision import LossScaling, Policy, policies

_COUNTERPARTS: Final = {"bfloat16": ("bf16-mixed", "bfloat16"), "binary16": ("fp16-amp", "float16")}
"""The policy with PyTorch's roles, and PyTorch's dtype, by the dtype of the operands."""


@dataclass(frozen=True)
class Autocast:
    """The mixed precision of PyTorch that corresponds to a policy.

    Attributes:
        dtype: PyTorch's name of the narrow format.
        scaling: How the loss is scaled; None if it is not.
    """

    dtype: str
    scaling: LossScaling | None

    @classmethod
    def of(cls, policy: Policy) -> Autocast:
        """Return the counterpart of a policy.

        PyTorch does not state its sums, so ``accumulate`` may be any; so may ``loss_scaling``.

        Raises:
            UnavailableError: Another field is not that of bf16-mixed or fp16-amp.
        """
        name, dtype = _COUNTERPARTS.get(policy.forward.operands, ("bf16-mixed", ""))
        wanted, given = policies.get(name).to_fields(), policy.to_fields()
        for key in (*wanted, *given):
            is_free = key.endswith(".accumulate") or key == "loss_scaling"
            if not is_free and wanted.get(key) != given.get(key):
                raise UnavailableError(
                    f"torch.autocast is the counterpart of bf16-mixed and fp16-amp, which have"
                    f" {key}={wanted.get(key, 'none')}, not {given.get(key, 'none')}; only their"
                    " fields accumulate and loss_scaling may be others"
                )
        if policy.exceptions:
            raise UnavailableError(
                "torch.autocast has no exceptions for layers; leave the policy's exceptions out"
            )
        return cls(dtype, LossScaling.parse(policy.loss_scaling))

    def context(self) -> Any:
        """Return the context in which PyTorch evaluates modules."""
        torch = library()
        return torch.autocast("cpu", dtype=getattr(torch, self.dtype))

    def scaler(self) -> Any:
        """Return PyTorch's ``GradScaler``; without loss scaling, one that is not enabled."""
        scaler = library().amp.GradScaler
        if self.scaling is None:
            return scaler("cpu", enabled=False)
        if not self.scaling.is_dynamic:
            return scaler("cpu", init_scale=self.scaling.initial)
        return scaler(
            "cpu",
            init_scale=self.scaling.initial,
            growth_factor=self.scaling.growth,
            backoff_factor=self.scaling.backoff,
            growth_interval=self.scaling.interval,
        )

    def update(self, scaler: Any) -> None:
        """Change the scale after a step; a static one stays."""
        is_static = self.scaling is not None and not self.scaling.is_dynamic
        scaler.update(new_scale=self.scaling.initial if is_static and self.scaling else None)
