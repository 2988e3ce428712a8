"""The arithmetic that the options of ``numlean train`` ask for: a dtype, or a policy of several."""

from __future__ import annotations

from typing import Final

from numlean.errors import NumleanError
from numlean.precision import Policy
from numlean.scalar.registry import resolve
from numlean.training.policy_files import check_not_policy, read_policy

_MASTER: Final = ("parameters", "weight_gradients", "optimizer")
"""The roles whose dtype ``--master`` gives."""


def asked_arithmetic(
    dtype: str | None, policy: str | None, accumulate: str | None, master: str | None, default: str
) -> tuple[str, Policy | None]:
    """Return the dtype of a run's losses, and its policy; None for a run in one dtype.

    Args:
        dtype: A dtype; None for ``default``.
        policy: A policy's text, or the name of a file in TOML; None for the dtype alone.
        accumulate: The accumulation of all products; None for that of the policy or dtype.
        master: The dtype of parameters, weight gradients and optimizer; None for the same.
        default: The dtype if neither a dtype nor a policy is given.

    Raises:
        NumleanError: A dtype and a policy are given, or one of the texts is wrong.
    """
    if policy is not None and dtype is not None:
        raise NumleanError(f"give either --dtype {dtype} or --policy {policy}, not both")
    if dtype is not None:
        check_not_policy(dtype)
    if policy is accumulate is master is None:
        return resolve(dtype or default).text, None
    found = Policy.uniform(dtype or default) if policy is None else read_policy(policy)
    changes = {} if accumulate is None else {"accumulate": accumulate}
    if master is not None:
        changes |= dict.fromkeys(_MASTER, master)
    found = found.with_fields(changes)
    return found.reductions, None if found.is_uniform else found


def arithmetic_options(arithmetic: str) -> tuple[str, str]:
    """Return the option of ``numlean train`` for a dtype, or for ``policy:POLICY``."""
    head, _, policy = arithmetic.partition(":")
    return ("--policy", policy) if head == "policy" else ("--dtype", arithmetic)
