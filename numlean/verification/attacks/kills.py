"""Training runs that are killed with SIGKILL at random moments, and resumed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from numlean.verification.attacks.attack import Attack, Outcome, Setting
from numlean.verification.checkpoints import Uninterrupted, kill_and_resume, run_uninterrupted
from numlean.verification.in_process import succeed
from numlean.verification.processes import forking

_ARITHMETICS = (
    ("--dtype", "float32"),
    ("--dtype", "ieee32exec"),
    ("--policy", "fp8-delayed,scaling=delayed(history=8)"),
    ("--dtype", "mp:80"),
    ("--policy", "fp16-amp,loss_scaling=dynamic(interval=8)"),
    ("--dtype", "bfloat16@round=stochastic"),
)
"""Those of the runs; the scales of the policies change at each step, and after a few steps."""

_STEPS = "150"


def _run(setting: Setting) -> Iterator[Outcome]:
    draw = random.Random(setting.seed)
    start = forking(setting.program.prepare, setting.program.main)
    runs: dict[str, Uninterrupted] = {}
    for k in range(setting.count):
        option, text = _ARITHMETICS[k % len(_ARITHMETICS)]
        if text not in runs:
            options = ("xor", option, text, "--steps", _STEPS)
            succeed(setting.program.main, ["train", *options])  # so that forks have kernels
            runs[text] = run_uninterrupted(options, setting.folder, start)
        found = kill_and_resume(runs[text], setting.folder, draw, start)
        moment = "while it wrote a file" if found.was_writing else "between two writes"
        where = "" if found.step is None else f" after step {found.step}"
        yield Outcome(f"xor in {text}, killed {moment}{where}", found.failure)


KILLS = Attack(
    "kills",
    "runs with --save, --certificate and --log killed at any moment and resumed",
    100,
    _run,
)
