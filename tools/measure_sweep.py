"""Measure a sweep of 200 short runs: with one worker, with two, and as single commands.

python tools/measure_sweep.py [--singles N]

The sweep is xor in 5 dtypes with 8 learning rates and 5 seeds, 20 steps each. It is also killed
three times and continued, and no run may be made twice. --singles is the number of single commands
to time, whose total is scaled to 200.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SPEC = """
task = "xor"
steps = 20
dtype = ["float32", "ieee32exec", "bfloat16", "binary16", "mp:24"]
lr = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0]
seed = [0, 1, 2, 3, 4]
execution = { measure_every = 5 }
"""
DTYPES = ("float32", "ieee32exec", "bfloat16", "binary16", "mp:24")
POINTS = 200
_RUNS_BEFORE_A_KILL = 40


def command(*words: str) -> list[str]:
    """Return a command of numlean."""
    return [sys.executable, "-m", "numlean", *words]


def timed(words: list[str]) -> float:
    """Run a command; return its seconds."""
    began = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - began


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what identifies the file of each run that is complete."""
    found = (folder / "runs").glob("*.parquet") if (folder / "runs").exists() else ()
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def kill_and_continue(spec: Path, folder: Path) -> None:
    """Kill the sweep three times, continue it to its end, and check that no run is made twice."""
    words = command("sweep", str(spec), "--out", str(folder), "--workers", "2")
    complete: dict[str, tuple[int, int]] = {}
    for _ in range(3):
        process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stderr is not None
        ended = (line for line in process.stderr if b" xor in " in line)
        for _, _ in zip(range(_RUNS_BEFORE_A_KILL), ended, strict=False):
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before, complete = complete, files(folder)
        assert before.items() <= complete.items(), "a run was made twice"
        print(f"killed with {len(complete)} runs complete", flush=True)
    subprocess.run(words, check=True, capture_output=True)
    assert complete.items() <= files(folder).items(), "a run was made twice"
    shown = subprocess.run(
        command("sweep", "show", str(folder), "--json"), check=True, capture_output=True
    )
    print(f"continued to {len(json.loads(shown.stdout)['runs'])} rows", flush=True)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--singles", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spec = folder / "spec.toml"
        spec.write_text(SPEC)
        kill_and_continue(spec, folder / "killed")
        for number, workers in enumerate("1212"):
            out = str(folder / f"sweep {number}")
            seconds = timed(command("sweep", str(spec), "--out", out, "--workers", workers))
            print(f"{workers} worker(s): {seconds:.1f} s for {POINTS} runs", flush=True)
        train = command("train", "xor", "--steps", "20", "--certificate", str(folder / "c.json"))
        total = sum(
            timed([*train, "--dtype", DTYPES[k % len(DTYPES)], "--seed", str(k)])
            for k in range(arguments.singles)
        )
        print(f"single commands: {total / arguments.singles * POINTS:.0f} s for {POINTS}")


if __name__ == "__main__":
    main()
