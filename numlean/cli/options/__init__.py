"""Options that several commands share."""

from numlean.cli.options.arithmetic import add_arithmetic_options
from numlean.cli.options.execution import is_short, reference_spec, run_spec, train_options
from numlean.cli.options.paths import check_writable
from numlean.cli.options.training import (
    add_device_options,
    add_training_options,
    add_weights_option,
    announce,
    announce_start,
    warn,
    warn_of_constants,
)
from numlean.cli.options.trust import add_file_options, add_trust_option, given_files

__all__ = [
    "add_arithmetic_options",
    "add_device_options",
    "add_file_options",
    "add_training_options",
    "add_trust_option",
    "add_weights_option",
    "announce",
    "announce_start",
    "check_writable",
    "given_files",
    "is_short",
    "reference_spec",
    "run_spec",
    "train_options",
    "warn",
    "warn_of_constants",
]
