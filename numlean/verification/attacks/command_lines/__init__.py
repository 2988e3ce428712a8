"""Random command lines over every command, with valid, extreme and hostile values."""

from numlean.verification.attacks.command_lines.running import COMMAND_LINES

__all__ = ["COMMAND_LINES"]
