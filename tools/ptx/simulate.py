"""Compare the bits of numba's simulator with the interpreter's, for ``tools/simulate_cuda``."""

import json
import os
import subprocess
import sys

from numlean.verification import doctor
from ptx import workloads


def simulated(*options):
    """Return the digests of the doctor and of the workloads in the simulator."""
    command = [sys.executable, "-m", "ptx.workloads", "cuda", *options]
    environment = os.environ | {
        "NUMBA_ENABLE_CUDASIM": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main():
    """Print the results that differ; return 1 if there are any."""
    checked, found = simulated("--all")
    expected = workloads.digests("python", every=True)
    differing = [name for name in expected if found.get(name) != expected[name]]
    for part, digest in doctor.EXPECTED.items():
        expected[part] = digest
        differing += [] if checked.get(part) == [digest] else [part]
    for name in differing:
        print(f"differs: {name}")
    print(f"{len(expected)} results, {len(differing)} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
