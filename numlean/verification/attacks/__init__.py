"""Hostile files, command lines and machines: the program must refuse or survive each of them."""

from typing import Final

from numlean.verification.attacks.attack import Attack, Outcome, Program, Setting, Tally, tally
from numlean.verification.attacks.caches import CACHES
from numlean.verification.attacks.command_lines import COMMAND_LINES
from numlean.verification.attacks.data_files import DATA_FILES
from numlean.verification.attacks.documents import CERTIFICATES, CHECKPOINTS
from numlean.verification.attacks.full_disk import FULL_DISK
from numlean.verification.attacks.kills import KILLS
from numlean.verification.attacks.pipes import PIPES
from numlean.verification.attacks.signals import SIGNALS

ATTACKS: Final[tuple[Attack, ...]] = (
    COMMAND_LINES,
    CHECKPOINTS,
    CERTIFICATES,
    CACHES,
    FULL_DISK,
    KILLS,
    SIGNALS,
    PIPES,
    *DATA_FILES,
)
"""Every attack, in the order of the table that the command prints."""

__all__ = ["ATTACKS", "Attack", "Outcome", "Program", "Setting", "Tally", "tally"]
