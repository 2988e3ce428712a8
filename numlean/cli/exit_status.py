"""Exit statuses of commands. 0 is success."""

from __future__ import annotations

from typing import Final

DIFFERENCE: Final = 1
"""A comparison found a difference."""

ERROR: Final = 2
"""Wrong use, or something that cannot be done here."""

NONFINITE: Final = 3
"""A run ended with parameters, buffers or an optimizer state that are not finite."""

SIGNAL: Final = 128
"""A signal ended the command; its number is added: 130 for Ctrl-C, 143 for SIGTERM."""

BROKEN_PIPE: Final = 141
"""The reader of standard output is gone: 128 and the number of the signal SIGPIPE."""
