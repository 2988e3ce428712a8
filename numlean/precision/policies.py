"""Named precision policies: the mixed precision with which networks are trained in practice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

from numlean.arguments import checked
from numlean.errors import UnknownNameError
from numlean.precision.policy import ContractionRule, Policy

_WIDE: Final = "float32"


@final
@dataclass(frozen=True)
class NamedPolicy:
    """A policy with a name.

    Attributes:
        name: The name.
        summary: A description in one line.
        source: The library or paper that trains in this way.
        make: Returns the policy.
    """

    name: str
    summary: str
    source: str
    make: Callable[[], Policy]


def _mixed(narrow: str, *, loss_scaling: str = "none") -> Policy:
    """Return operands and activations in a narrow dtype over float32 parameters."""
    rule = ContractionRule(narrow, f"ordered({_WIDE})")
    return Policy(
        parameters=_WIDE,
        weights=narrow,
        activations=narrow,
        gradients=narrow,
        weight_gradients=_WIDE,
        optimizer=_WIDE,
        reductions=_WIDE,
        forward=rule,
        input_gradient=rule,
        weight_gradient=ContractionRule(narrow, f"ordered({_WIDE})", output=narrow),
        loss_scaling=loss_scaling,
    )


def _tf32() -> Policy:
    # 8 bits of exponent and 10 of fraction, as tensor cores read them.
    operands = "ieee:e8m10@round=toward_zero"
    return Policy.uniform(_WIDE).with_fields({"operands": operands})


def _bf16_sr() -> Policy:
    return _mixed("bfloat16").with_fields({"parameters": "bfloat16@round=stochastic"})


def _fp8_current() -> Policy:
    return _scaled("e4m3", "e5m2", f"ordered({_WIDE})", {"scaling": "tensor"})


def _fp8_delayed() -> Policy:
    return _fp8_current().with_fields({"scaling": "tensor(delayed)"})


def _deepseek_v3() -> Policy:
    scales = {"scaling": "block(1x128)", "weight_scaling": "block(128x128)"}
    return _scaled("e4m3", "e4m3", f"blocked({_WIDE}, 128, {_WIDE})", scales)


def _mx(element: str, cotangents: str | None = None) -> Policy:
    scales = {"scaling": "block(1x32, mx(rule=rceil, preset=transformer_engine))"}
    return _scaled(element, cotangents or element, f"blocked({_WIDE}, 32, {_WIDE})", scales)


def _nvfp4() -> Policy:
    rules = "nvfp4(preset=transformer_engine)"
    both = "block(1x16, nvfp4(preset=transformer_engine, hadamard))"
    scales = {
        "scaling": f"block(1x16, {rules})",
        "weight_scaling": f"block(16x16, {rules})",
        "weight_gradient.input_scaling": both,
        "weight_gradient.gradient_scaling": both,
    }
    return _scaled("e2m1", "e2m1@round=stochastic", f"blocked({_WIDE}, 16, {_WIDE})", scales)


def _int8() -> Policy:
    # The integers are held in bfloat16, which has all of 8 bits.
    return _scaled("bfloat16", "bfloat16", "exact", {"scaling": "row(int8)"})


def _scaled(operands: str, gradients: str, accumulate: str, scales: Mapping[str, str]) -> Policy:
    """Return scaled operands between bfloat16 activations; weights are scaled from float32.

    The gradient of weights is not rounded to bfloat16.
    """
    return _mixed("bfloat16").with_fields(
        {
            "weights": _WIDE,
            "operands": operands,
            "gradient_operands": gradients,
            "accumulate": accumulate,
            "weight_gradient.output": _WIDE,
            **scales,
        }
    )


_NAMED: Final = (
    NamedPolicy(
        "bf16-mixed",
        "bfloat16 products with float32 sums, parameters and optimizer",
        "torch.autocast",
        lambda: _mixed("bfloat16"),
    ),
    NamedPolicy(
        "fp16-amp",
        "binary16 products with float32 sums, parameters and optimizer, dynamic loss scaling",
        "torch.autocast and torch.amp.GradScaler",
        lambda: _mixed("binary16", loss_scaling="dynamic"),
    ),
    NamedPolicy(
        "bf16-sr",
        "bf16-mixed with bfloat16 parameters, updated in float32 and rounded stochastically",
        "torchao's low-precision optimizers",
        _bf16_sr,
    ),
    NamedPolicy(
        "tf32",
        "float32, but operands of products truncated to 10 fraction bits",
        "NVIDIA tensor cores",
        _tf32,
    ),
    NamedPolicy(
        "fp8-current",
        "e4m3 operands, e5m2 for cotangents, each tensor scaled to its greatest magnitude",
        "TransformerEngine's Float8CurrentScaling, format HYBRID",
        _fp8_current,
    ),
    NamedPolicy(
        "fp8-delayed",
        "fp8-current, but scales follow from the greatest magnitudes of earlier steps",
        "TransformerEngine's DelayedScaling, format HYBRID",
        _fp8_delayed,
    ),
    NamedPolicy(
        "deepseek-v3",
        "e4m3 operands in scaled blocks, 1x128 of inputs and cotangents, 128x128 of weights",
        "DeepSeek-V3 and DeepGEMM",
        _deepseek_v3,
    ),
    NamedPolicy(
        "int8",
        "integers of 8 bits, held in bfloat16, a factor for each row and column, exact sums",
        "torchao's int8 mixed precision",
        _int8,
    ),
    NamedPolicy(
        "mxfp8",
        "e4m3 operands in blocks of 32 that share a power of two",
        "TransformerEngine's MXFP8BlockScaling",
        lambda: _mx("e4m3"),
    ),
    NamedPolicy(
        "mxfp6",
        "mxfp8 with e3m2 operands; element=e2m3 takes the other 6-bit format",
        "numlean",
        lambda: _mx("e3m2"),
    ),
    NamedPolicy(
        "mxfp4",
        "mxfp8 with e2m1 operands, cotangents rounded stochastically",
        "numlean",
        lambda: _mx("e2m1", "e2m1@round=stochastic"),
    ),
    NamedPolicy(
        "nvfp4",
        "e2m1 operands in blocks of 16 with e4m3 scales, 16x16 of weights; Hadamard transform",
        "TransformerEngine's NVFP4BlockScaling",
        _nvfp4,
    ),
)


def named() -> tuple[NamedPolicy, ...]:
    """Return all named policies."""
    return _NAMED


@checked
def get(name: str, **changes: str) -> Policy:
    """Return a policy by its name, with other fields: ``get("bf16-mixed", reductions="bfloat16")``.

    Args:
        name: The name, or ``uniform(DTYPE)``.
        changes: Fields by name, a dot written as two underscores: ``forward__accumulate="exact"``.

    Raises:
        UnknownNameError: The name or a field is unknown.
    """
    return _base(name).with_fields(
        {field.replace("__", "."): text for field, text in changes.items()}
    )


def _base(name: str) -> Policy:
    head, parenthesis, rest = name.strip().partition("(")
    if head.strip() == "uniform" and parenthesis and rest.endswith(")"):
        return Policy.uniform(rest[:-1])
    for each in _NAMED:
        if each.name == name:
            return each.make()
    known = (*(each.name for each in _NAMED), "uniform(DTYPE)")
    raise UnknownNameError("policy", name, known)
