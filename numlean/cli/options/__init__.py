"""Options that several commands share."""

from numlean.cli.options.paths import check_writable
from numlean.cli.options.training import (
    add_device_options,
    add_training_options,
    add_weights_option,
    announce,
    runner_options,
)

__all__ = [
    "add_device_options",
    "add_training_options",
    "add_weights_option",
    "announce",
    "check_writable",
    "runner_options",
]
