"""Does a network trained in emulated binary32 have the bits of one trained in hardware?

Trains on real images of digits in ``ieee32exec``, where no floating-point instruction is executed,
or in the arithmetic that ``--dtype`` names, then in ``float32``, and compares every bit of the
parameters. ``--backend`` and ``--fast-kernels`` say how steps are executed, ``--device`` where.
"""

from __future__ import annotations

import sys

import numlean as nl
from numlean.cli.main import main as numlean


def main(argv: list[str]) -> int:
    """Train twice as the command line does, then compare step by step."""
    config = nl.ExecConfig.parse(argv)
    config.log()
    print()
    how = ["--backend", config.backend]
    how += ["--device", config.device] if config.device else []
    how += ["--fast-kernels"] if config.fast_kernels else []
    for dtype in (config.dtype, "float32"):
        arguments = ["train", "digits", "--dtype", dtype, *how]
        print(f"$ numlean {' '.join(arguments)}", flush=True)
        numlean(arguments)
        print()

    result = nl.crosscheck("digits", config.scalar, "float32", options=config.options())
    print(f"digits, {result.steps} steps\n{result}")
    return 0 if result.identical else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
