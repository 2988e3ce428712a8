"""Random policies: roles, products, sums, exceptions and loss scaling, determined by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from numlean.errors import NumleanError
from numlean.precision import Policy, PolicyError, policies
from numlean.precision.policy import CONTRACTIONS, ROLES, STATES
from numlean.precision.resolved import resolve_policy
from numlean.scalar.registry import get_scalar

DTYPES: Final = (
    *("float32", "bfloat16", "binary16", "float64", "e4m3", "e5m2", "ieee32exec"),
    *("tf32", "ieee:e5m4@round=toward_zero", "bfloat16@round=stochastic,seed=3"),
)
_WIDE: Final = ("float32", "float64", "ieee32exec", "float32")
_SCALINGS: Final = (
    *("none", "none", "static(1024)", "dynamic"),
    "dynamic(256, growth=4, backoff=0.25, interval=2)",
)
_SCALES: Final = (
    *("none", "tensor", "row", "row(power_of_two)", "block(1x2)", "block(2x2, power_of_two)"),
    *("tensor(power_of_two, amax_epsilon=0.125)", "tensor(delayed(history=3))"),
    "tensor(delayed(history=1, algo=most_recent, margin=1))",
    *("block(1x2, mx)", "block(2x2, mx(rule=ceil), transpose=copy)", "block(1x3, nvfp4)"),
    *("row(transpose=copy)", "block(1x4, nvfp4(preset=torchao, hadamard(seed=2)))"),
)
_UNITS: Final = (
    *("unit(A100)", "unit(H100)", "unit(A100:tf32)", "unit(H100->fp16, k_block=3)"),
    *("unit(V100:fp16, promote_every=4)", "unit(A100:bf16, split_k=2, order=pairwise)"),
)
_LAYERS: Final = ("first", "last", "0", "1", "2")
_MOST_CHANGES: Final = 6


def random_policies(seed: int) -> Iterator[Policy]:
    """Yield policies without an end, whose fields do not contradict each other.

    Each starts from a named policy or a dtype and has other values in up to six fields, and often
    an exception for a layer. A policy that is refused is drawn again.

    Raises:
        NumleanError: A policy is refused otherwise than by a PolicyError of one line.
    """
    draw = random.Random(seed)
    while True:
        policy = _drawn(draw)
        if policy is not None and draw.random() < 0.4:
            excepted = _drawn(draw)
            if excepted is not None:
                policy = policy.with_exceptions({draw.choice(_LAYERS): excepted})
        if policy is not None:
            yield policy


def _drawn(draw: random.Random) -> Policy | None:
    """Return a random policy; None if it is refused."""
    names = [each.name for each in policies.named()]
    base = policies.get(draw.choice([*names, f"uniform({draw.choice(DTYPES)})"]))
    count = draw.randrange(_MOST_CHANGES + 1)
    try:
        policy = base.with_fields(dict(_change(draw) for _ in range(count)))
        resolve_policy(policy, lambda dtype: get_scalar(dtype, "python"))
    except PolicyError as error:
        if "\n" in str(error) or "policy field" not in str(error):
            raise NumleanError(f"a policy is refused by {str(error)!r}") from None
        return None
    return policy


def _change(draw: random.Random) -> tuple[str, str]:
    """Return a random field and its value."""
    kind = draw.randrange(9)
    if kind < 3:
        return draw.choice(ROLES), draw.choice(DTYPES)
    if kind == 3:
        return f"optimizer.{draw.choice([*STATES])}", draw.choice(DTYPES)
    if kind == 4:
        return "loss_scaling", draw.choice(_SCALINGS)
    if kind == 5:
        return draw.choice(["scaling", "input_scaling"]), draw.choice(_SCALES)
    product = draw.choice(["", *(f"{name}." for name in CONTRACTIONS)])
    if kind < 8:
        return f"{product}accumulate", _accumulation(draw)
    part = draw.choice(["operands", "output", "gradient_operands"])
    if part == "gradient_operands" and product == "forward.":
        part = "operands"
    return f"{product}{part}", draw.choice(DTYPES)


def _accumulation(draw: random.Random) -> str:
    wide, promote = draw.choice(_WIDE), draw.choice(_WIDE)
    rules = ["exact", f"ordered({wide})", f"fma({wide})", f"pairwise({wide})", draw.choice(_UNITS)]
    return draw.choice([*rules, f"blocked({wide}, {draw.randint(1, 5)}, {promote})"])
