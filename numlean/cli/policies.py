"""``numlean policies``: list the named precision policies, or every field of one."""

from __future__ import annotations

import argparse

from numlean.json_lines import json_line
from numlean.precision import policies, policy_digest
from numlean.precision.policy_text import policy_to_plain
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
    if arguments.json:
        print(json_line({"policy": policy_to_plain(policy), "digest": policy_digest(policy)}))
        return 0
    rows = list(policy.to_fields(with_none=True).items())
    for layer, each in policy.exceptions.items():
        excepted = each.to_fields(with_none=True)
        rows += [(f"except.{layer}.{name}", text) for name, text in excepted.items()]
    print("\n".join(align_rows([*rows, ("digest", policy_digest(policy))])))
    return 0


def _print_names(*, as_json: bool) -> None:
    listed = {each.name: f"{each.summary} ({each.source})" for each in policies.named()}
    listed["uniform(DTYPE)"] = "one dtype for everything, as --dtype"
    print(json_line(listed) if as_json else "\n".join(align_rows(listed.items())))
