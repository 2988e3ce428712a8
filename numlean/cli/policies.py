"""``numlean policies``: list the named precision policies, or every field of one.

A policy's fields are followed by the rule and the evidence of each matrix unit that it names.
"""

from __future__ import annotations

import argparse

from numlean.json_lines import json_line
from numlean.precision import Policy, policies, policy_digest
from numlean.precision.matrix_units import get_matrix_unit
from numlean.precision.policy_text import policy_to_plain
from numlean.precision.resolved import resolve_policy
from numlean.scalar.registry import get_scalar
from numlean.text_table import align_rows
from numlean.training.policy_files import read_policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "policy",
        nargs="?",
        metavar="POLICY",
        help="a policy, as --policy takes it: NAME[,field=value...], 'uniform(DTYPE)' or FILE.toml"
        " (default: list the names)",
    )
    parser.add_argument("--json", action="store_true", help="print the fields as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the names, or the fields."""
    if arguments.policy is None:
        _print_names(as_json=arguments.json)
        return 0
    policy = read_policy(arguments.policy)
    units = [get_matrix_unit(name).describe() for name in _unit_names(policy)]
    if arguments.json:
        plain = {"policy": policy_to_plain(policy), "digest": policy_digest(policy)}
        print(json_line({**plain, "units": units} if units else plain))
        return 0
    rows = list(policy.to_fields(with_none=True).items())
    for layer, each in policy.exceptions.items():
        excepted = each.to_fields(with_none=True)
        rows += [(f"except.{layer}.{name}", text) for name, text in excepted.items()]
    print("\n".join([*align_rows([*rows, ("digest", policy_digest(policy))]), *units]))
    return 0


def _unit_names(policy: Policy) -> list[str]:
    """Return the full names of the matrix units of a policy's products, each once."""
    if not policy.units:
        return []
    resolved = resolve_policy(policy, lambda dtype: get_scalar(dtype, "python"))
    names = list[str]()
    for arithmetic in (resolved.common, *resolved.exceptions.values()):
        names += arithmetic.units
    return list(dict.fromkeys(names))


def _print_names(*, as_json: bool) -> None:
    listed = {each.name: f"{each.summary} ({each.source})" for each in policies.named()}
    listed["uniform(DTYPE)"] = "one dtype for everything, as --dtype"
    print(json_line(listed) if as_json else "\n".join(align_rows(listed.items())))
