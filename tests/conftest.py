"""Shared by all tests: enabled signals, and tables of errors of our results and others'."""

import gc
import os
import signal

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from numlean import Tensor, get_scalar
from numlean.cli.signals import STOP_SIGNALS
from numlean.verification.processes import restore_stop_signals
from numlean_kernels.threads import VARIABLE, available_processors

# The processes of pytest-xdist, and those that tests start, share the processors.
_TESTING_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault(VARIABLE, str(max(available_processors() // _TESTING_PROCESSES, 1)))

# Compilation makes millions of objects and few cycles: looking for those took a tenth of the time.
gc.set_threshold(100_000, 20, 100)

# No test depends on the speed of the machine.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

TRUTH = get_scalar("mp:200")
MAX_DISTANCE = 8
"""The largest difference, in units, between our results and theirs."""
NEGLIGIBLE = 2.0**-100
STATISTICS = ("greatest, in units", "root mean square", "median, in ulp", "greatest, in ulp")
HEAD = (
    "\n\n" + " " * 50 + "".join(f"{statistic:^30}" for statistic in STATISTICS),
    " " * 50 + f"{'ours':>9}{'theirs':>9}{'apart':>9}   " * len(STATISTICS),
)


class Comparison:
    """Errors of our results and of theirs, against 200 bits, and the distance between them.

    A unit is an ulp of binary64 at a given magnitude, by default the greatest of the array: a small
    difference of large numbers inherits their rounding errors. Differences are also counted in ulp
    of the single elements, except those below 2^-100 of the greatest, which would be zeros without
    rounding to 200 bits.
    """

    def __init__(self):
        self.units, self.ulps = {}, {}

    def add(self, row, ours, theirs, truth, magnitudes=None):
        """Put arrays of ours and theirs, and a tensor of the truth, under a row of the table."""
        assert ours.shape == theirs.shape == truth.shape
        exact = np.abs(truth.to_float()).reshape(-1)
        greatest = exact.max() if magnitudes is None else magnitudes.reshape(-1)
        errors = [(Tensor.of(TRUTH, z) - truth).to_float() for z in (ours, theirs)]
        differences = np.abs([*errors, ours - theirs]).reshape(3, -1)
        here = exact > NEGLIGIBLE * exact.max()
        self.units.setdefault(row, []).append(differences / np.spacing(greatest))
        self.ulps.setdefault(row, []).append(differences[:, here] / np.spacing(exact[here]))

    def greatest(self, row):
        """Return the maxima of our errors, their errors and the differences, in units."""
        return np.hstack(self.units[row]).max(axis=1)

    def root_mean_square(self, row):
        """Return the root mean squares of the same."""
        return np.sqrt((np.hstack(self.units[row]) ** 2).mean(axis=1))

    def assert_alike(self, row):
        """Assert, by root mean square, that results agree and ours are as accurate as theirs."""
        ours, theirs, apart = self.root_mean_square(row)
        assert apart <= MAX_DISTANCE
        assert ours <= 2 * theirs + 0.5

    def assert_close(self, row):
        """Assert the same, and that every single number agrees."""
        assert self.greatest(row)[2] <= MAX_DISTANCE
        self.assert_alike(row)

    def line(self, row):
        """Return a line of the table."""
        ulps = np.hstack(self.ulps[row])
        alone = np.median(ulps, axis=1), ulps.max(axis=1)
        numbers = [self.greatest(row), self.root_mean_square(row), *alone]
        return f"{row:50}" + "   ".join("".join(f"{n:9.3g}" for n in three) for three in numbers)


@pytest.fixture(scope="session", autouse=True)
def no_stop_signal_is_ignored():
    """Let no signal that stops the program be ignored, here and in the processes that tests start.

    A shell makes background processes ignore Ctrl-C, and ``nohup`` makes them ignore SIGHUP.
    """
    if any(signal.getsignal(number) is signal.SIG_IGN for number in STOP_SIGNALS):
        restore_stop_signals()


@pytest.fixture(scope="module")
def comparison():
    """Collect a module's comparisons in a table that ``pytest -s`` shows."""
    comparison = Comparison()
    yield comparison
    print("\n".join([*HEAD, *map(comparison.line, comparison.units)]))
