"""The arithmetic that the options of ``numlean train`` ask for: a dtype, or a policy of several."""

from __future__ import annotations

import tomllib
from typing import Final

from numlean.data.input_file import read_input
from numlean.errors import DocumentError, NumleanError
from numlean.precision import Policy, PolicyError, parse_policy
from numlean.precision.policy_text import policy_from_plain
from numlean.scalar.registry import resolve

POLICY_SUFFIX: Final = ".toml"
"""``--policy`` names a file if it has this suffix; else it is a policy's text."""

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
    if policy is accumulate is master is None:
        return resolve(dtype or default).text, None
    found = Policy.uniform(dtype or default) if policy is None else read_policy(policy)
    changes = {} if accumulate is None else {"accumulate": accumulate}
    if master is not None:
        changes |= dict.fromkeys(_MASTER, master)
    found = found.with_fields(changes)
    return found.reductions, None if found.is_uniform else found


def read_policy(text: str) -> Policy:
    """Return the policy of a text, or of a file in TOML whose name ends in ``.toml``.

    Raises:
        NumleanError: The text, or the file, is not that of a policy; or the file cannot be read.
    """
    if not text.lower().endswith(POLICY_SUFFIX):
        return parse_policy(text)
    content = read_input(text, pipes=True)
    try:
        return policy_from_plain(tomllib.loads(content.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"{text}: not a file in TOML: {error}") from None
    except NumleanError as error:
        raise PolicyError(f"{text}: {error}") from None
