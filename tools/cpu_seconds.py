"""Print the CPU seconds of the tests of each file: a plugin of pytest, for tools/measure_suite.

Processes that a test starts and waits for count as part of it. A kernel counts for the test that is
the first to need it, if the cache of kernels is empty.
"""

import os
from collections import Counter

import pytest

LISTED = 25
"""The number of files, and of tests, that are listed."""
PROPERTY = "cpu seconds"
START = pytest.StashKey()


def spent():
    """Return the processor time of this process and of the processes that it has waited for."""
    return sum(os.times()[:4])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Note the time before a test, with its fixtures."""
    item.stash[START] = spent()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Send the time of a test with the report of its end, to the process that prints."""
    report = yield
    if call.when == "teardown":
        report.user_properties.append((PROPERTY, spent() - item.stash[START]))
    return report


def pytest_terminal_summary(terminalreporter):
    """Print the files and the tests that took most time; cases of a test are one."""
    files, tests = Counter(), Counter()
    reports = [report for several in terminalreporter.stats.values() for report in several]
    for report in reports:
        for name, seconds in getattr(report, "user_properties", ()):
            if name == PROPERTY:
                files[report.nodeid.partition("::")[0]] += seconds
                tests[report.nodeid.partition("[")[0]] += seconds
    terminalreporter.section("CPU seconds")
    for several in (files, tests):
        for name, seconds in several.most_common(LISTED):
            terminalreporter.line(f"{seconds:8.1f}  {name}")
        terminalreporter.line(f"{sum(several.values()):8.1f}  in all {len(several)}\n")
