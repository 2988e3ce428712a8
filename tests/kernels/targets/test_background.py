"""Kernels that other processes compile: rehearsals, and the cache that they fill."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import time
import numpy as np
import numlean as nl
from numlean_kernels.targets.background import BackgroundCompilation, can_fork, compile_all
from numlean_kernels.targets.cache import cached_kernels
from numlean_kernels.targets.cpu import CPU
from numlean_kernels.targets.rehearsal import rehearsing

s = nl.get_scalar("float32")
x = np.ones(3, np.float32)

def rehearse():
    s.neg(x)
    raise ValueError("a rehearsal that fails has named the kernels before")

with rehearsing() as rehearsal:
    for _ in range(3):  # an operation that is called again goes a shorter way
        assert s.abs(x).tolist() == [0, 0, 0]
assert len(rehearsal.jobs) == 1
assert "kernel" not in vars(CPU) and not cached_kernels()
assert can_fork()
helpers = BackgroundCompilation(rehearse, 1)
while not cached_kernels():
    time.sleep(0.05)
helpers.stop()
helpers.stop()
before = cached_kernels()
assert s.neg(x).tolist() == [-1, -1, -1]
assert cached_kernels() == before
compile_all([*rehearsal.jobs.values()], 1)
assert len(cached_kernels() - before) == 1
"""


@pytest.mark.skipif(sys.platform != "linux", reason="copies of a process are for Linux")
def test_a_copy_of_the_process_compiles_what_a_rehearsal_names(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
