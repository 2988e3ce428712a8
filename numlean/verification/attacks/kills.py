"""Training runs that are killed with SIGKILL at random moments, and resumed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from numlean.verification.attacks.attack import Attack, Outcome, Setting
from numlean.verification.checkpoints import Uninterrupted, kill_and_resume, run_uninterrupted
from numlean.verification.in_process import succeed
from numlean.verification.processes import forking

_DTYPES = ("float32", "ieee32exec", "mp:80", "bfloat16@round=stochastic")
_STEPS = "150"


def _run(setting: Setting) -> Iterator[Outcome]:
    draw = random.Random(setting.seed)
    start = forking(setting.program.prepare, setting.program.main)
    runs: dict[str, Uninterrupted] = {}
    for k in range(setting.count):
        dtype = _DTYPES[k % len(_DTYPES)]
        if dtype not in runs:
            options = ("xor", "--dtype", dtype, "--steps", _STEPS)
            succeed(setting.program.main, ["train", *options])  # so that forks have kernels
            runs[dtype] = run_uninterrupted(options, setting.folder, start)
        found = kill_and_resume(runs[dtype], setting.folder, draw, start)
        moment = "while it wrote a file" if found.was_writing else "between two writes"
        where = "" if found.step is None else f" after step {found.step}"
        yield Outcome(f"xor in {dtype}, killed {moment}{where}", found.failure)


KILLS = Attack(
    "kills",
    "runs with --save, --certificate and --log killed at any moment and resumed",
    100,
    _run,
)
