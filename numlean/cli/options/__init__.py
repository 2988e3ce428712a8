"""Options that several commands share."""

from numlean.cli.options.paths import check_writable
from numlean.cli.options.training import (
    add_device_options,
    add_training_options,
    add_weights_option,
    announce,
    announce_start,
    runner_options,
    warn,
    warn_of_constants,
)

__all__ = [
    "add_device_options",
    "add_training_options",
    "add_weights_option",
    "announce",
    "announce_start",
    "check_writable",
    "runner_options",
    "warn",
    "warn_of_constants",
]
