"""Policies as users give them: a text, or a file in TOML; and not in place of a dtype."""

from __future__ import annotations

from numlean.data.input_file import read_input
from numlean.errors import DocumentError, NumleanError
from numlean.files.suffixes import POLICY_SUFFIX
from numlean.precision import Policy, PolicyError, parse_policy, policies
from numlean.precision.policy_text import policy_from_plain
from numlean.scalar.registry import scalar_backend_of


def read_policy(text: str) -> Policy:
    """Return the policy of a text, or of a file in TOML whose name ends in ``.toml``.

    Raises:
        NumleanError: The text, or the file, is not that of a policy; or the file cannot be read.
    """
    if not text.lower().endswith(POLICY_SUFFIX):
        return parse_policy(text)
    import tomllib  # only files need it

    content = read_input(text, pipes=True)
    try:
        return policy_from_plain(tomllib.loads(content.decode("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"{text}: not a file in TOML: {error}") from None
    except NumleanError as error:
        raise PolicyError(f"{text}: {error}") from None


def check_not_policy(dtype: str) -> None:
    """Check that a dtype's text is not that of a policy.

    Raises:
        PolicyError: It begins with the name of one that no dtype has.
    """
    name = dtype.partition(",")[0]
    if scalar_backend_of(name) is None and name in (each.name for each in policies.named()):
        raise PolicyError(
            f"{dtype!r} is a policy, not a dtype: give it as --policy {dtype}, one of several"
            f" runs as policy:{dtype}, in Python as nl.policies.get({name!r})"
        )
