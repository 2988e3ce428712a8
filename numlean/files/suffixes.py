"""Suffixes by which an option tells a file from another value."""

from typing import Final

POLICY_SUFFIX: Final = ".toml"
"""``--policy`` names a file if it has this suffix; else it is a policy's text."""
