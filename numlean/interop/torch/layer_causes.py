"""Why PyTorch's layer has other results: evaluations by numlean in other ways that give them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from numlean.autograd.indices import INDEX
from numlean.autograd.primitives import cast
from numlean.autograd.tensor import Tensor
from numlean.interop.torch.distances import differing
from numlean.interop.torch.layer_calls import Call, LayerCall, Results
from numlean.nn import Layer, LayerNorm, LogSoftmax, Softmax, Softplus
from numlean.precision import Policy
from numlean.precision.arithmetic import LayerArithmetics, wider
from numlean.precision.cotangents import CotangentScalars
from numlean.scalar.protocol import Scalar
from numlean.scalar.registry import scalar_on
from numlean.training import Options, Task
from numlean.training.options import resolve_part
from numlean.training.precision import RunPrecision

_SUMS: Final = ("exact", "fma({S})", "pairwise({S})")
"""Accumulations with which a product is evaluated again; S is the dtype of the policy's sums."""

_WIDE: Final = "float32"

_WIDENED_ON_CUDA: Final[tuple[Layer, ...]] = (LogSoftmax(), Softmax(), Softplus())
"""Layers that, like layer norm, torch.autocast computes in float32 on CUDA, but in the type of the
input on the CPU."""


@dataclass(frozen=True)
class Way:
    """Another way in which numlean evaluates a layer.

    Attributes:
        words: What the way is, after "as if".
        evaluate: Returns the results of a call.
        rounded_to: The Scalar to which results are rounded, before they are widened to that of
            PyTorch's result; None for that one.
    """

    words: str
    evaluate: Callable[[Call], Results]
    rounded_to: Scalar | None = None

    def left(self, call: Call, part: int, theirs: Tensor) -> int:
        """Return how many of PyTorch's numbers differ from those of the way, in their format."""
        result = self.evaluate(call)[part]
        if result is None:
            return theirs.size
        rounded = result if self.rounded_to is None else cast(result, self.rounded_to)
        return differing_count(cast(rounded, theirs.scalar), theirs)


class Causes:
    """Finds the way whose results are nearest to PyTorch's.

    Attributes:
        arithmetics: The arithmetics of the run.
    """

    def __init__(self, task: Task, policy: Policy, options: Options) -> None:
        self._sums = [
            (text, _arithmetics(task, policy.with_fields({"accumulate": text}), options))
            for text in (each.format(S=_WIDE) for each in _SUMS)
        ]
        self.arithmetics = _arithmetics(task, policy, options)

    def of(self, call: Call, part: int, ours: Tensor, theirs: Tensor) -> str:
        """Return in words why one result of a call differs, as far as another way shows it."""
        found, ways = differing_count(ours, theirs), list(self._ways(call, part, ours, theirs))
        tried = [(way.left(call, part, theirs), way.words) for way in ways]
        words = []
        if ours.scalar != theirs.scalar:
            words.append(_formats(call, ours, theirs))
        left, best = min(tried, key=lambda each: each[0], default=(found, ""))
        if left < found:
            share = "all" if not left else f"{found - left:,} of"
            words.append(f"as if {best} ({share} {found:,} differing numbers)")
        if not words:
            names = ", nor as if ".join(way.words for way in ways)
            tail = f", not as if {names}" if names else ""
            words.append(f"other functions or another order of sums{tail}")
        return "; ".join(words)

    def reference(self, call: Call, part: int) -> Tensor | None:
        """Return one result of a call, evaluated in float64 from the same operands."""
        return call.ours(self.arithmetics, scalar_on("float64", call.device))[part]

    def _ways(self, call: Call, part: int, ours: Tensor, theirs: Tensor) -> Iterator[Way]:
        """Yield the ways for a result of a call; the first of equally good ones is the cause."""
        wide, narrow = scalar_on(_WIDE, call.device), _narrow(call)
        if isinstance(call, LayerCall) and call.is_product:
            for text, arithmetics in self._sums:
                yield Way(f"accumulate={text}", partial(_evaluated, arithmetics))
        in_wide = partial(_evaluated, self.arithmetics, within=wide)
        if not ours.scalar == theirs.scalar == wide:
            yield Way(f"computed in {_WIDE} and rounded once to {theirs.scalar.name}", in_wide)
        if narrow in (wide, None):
            return
        assert narrow is not None
        if part and theirs.scalar != narrow:
            yield Way(f"computed in {_WIDE} and rounded to {narrow.name}", in_wide, narrow)
        if part:
            rule = CotangentScalars(narrow, narrow, wide)
            words = f"its gradient were computed in {_WIDE} from the output in {narrow.name}"
            yield Way(words, partial(_evaluated, self.arithmetics, rule=rule))
        in_narrow = partial(_evaluated, self.arithmetics, within=narrow)
        yield Way(f"each operation were rounded to {narrow.name}", in_narrow)


def _evaluated(
    arithmetics: LayerArithmetics,
    call: Call,
    within: Scalar | None = None,
    rule: CotangentScalars | None = None,
) -> Results:
    return call.ours(arithmetics, within, rule)


def _narrow(call: Call) -> Scalar | None:
    """Return the Scalar of a call's inputs; None if they are indices."""
    return None if call.x.scalar is INDEX else call.x.scalar


def differing_count(x: Tensor, y: Tensor) -> int:
    """Return how many numbers of two tensors of any formats differ."""
    x, y = in_one_format(x, y)
    return int(np.count_nonzero(differing(x.scalar, x.data, y.data)))


def in_one_format(x: Tensor, y: Tensor) -> Sequence[Tensor]:
    """Return two tensors in the wider of their formats."""
    scalar = wider(x.scalar, y.scalar)
    return cast(x, scalar), cast(y, scalar)


def _arithmetics(task: Task, policy: Policy, options: Options) -> LayerArithmetics:
    return RunPrecision.of(policy, task, lambda dtype: resolve_part(dtype, options)).layers


def _formats(call: Call, ours: Tensor, theirs: Tensor) -> str:
    own = f"PyTorch's result is in {theirs.scalar.name}, numlean's in {ours.scalar.name}"
    if isinstance(call, LayerCall) and _is_widened_on_cuda(call.layer):
        return (
            f"{own}: torch.autocast leaves {call.layer.name} in the type of its input on the CPU,"
            f" and widens it to {_WIDE} on CUDA, as numlean does"
        )
    return own


def _is_widened_on_cuda(layer: Layer) -> bool:
    return isinstance(layer, LayerNorm) or layer in _WIDENED_ON_CUDA
