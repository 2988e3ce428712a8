"""Does training in emulated binary32 give the bits of training in hardware?

This script trains on images of digits in the arithmetic of ``--dtype`` (default: ``ieee32exec``,
which executes no floating-point instruction) and in ``float32``, and compares every bit of the
parameters. ``--backend`` and ``--fast-kernels`` choose how steps are executed, ``--device`` where.
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean.cli.main import main as numlean


def main(argv: list[str]) -> int:
    """Train twice with the command line, then compare the two runs step by step."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    print()
    options = ["--backend", config.backend]
    options += ["--device", config.device] if config.device else []
    options += ["--fast-kernels"] if config.fast_kernels else []
    for dtype in (config.dtype, "float32"):
        arguments = ["train", "digits", "--dtype", dtype, *options]
        print(f"$ numlean {' '.join(arguments)}", flush=True)
        numlean(arguments)
        print()

    result = nl.crosscheck("digits", config.scalar, "float32", options=config.options())
    print(f"digits, {result.steps} steps\n{result}")
    return 0 if result.identical else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
