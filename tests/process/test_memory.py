"""The memory of a process is limited by its own control group and by all groups around it."""

import pytest

from numlean.process.memory import control_group_limits, machine_memory

UNLIMITED = 9223372036854771712
"""What version 1 states for a group without a limit."""


@pytest.fixture
def system(tmp_path):
    """Return a function that makes the files of the system, and the folder of a process."""

    def make(groups, mounts, files):
        process = tmp_path / "self"
        process.mkdir()
        (process / "cgroup").write_text(groups)
        lines = [
            f"31 23 0:28 {root} {str(tmp_path / point).replace(' ', chr(92) + '040')} rw"
            f" shared:5 - {kind} cgroup {options}"
            for root, point, kind, options in mounts
        ]
        (process / "mountinfo").write_text("\n".join(lines) + "\n")
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{content}\n")
        return process

    return make


def test_a_group_of_version_2_counts_with_those_around_it(system):
    files = {
        "fs/memory.max": "max",
        "fs/user.slice/memory.max": 3 << 30,
        "fs/user.slice/job/memory.max": 5 << 30,
        "fs/user.slice/job/step/memory.max": "max",
        "fs/other/memory.max": 1,
    }
    mounts = [("/", "fs", "cgroup2", "rw,nsdelegate")]
    limits = control_group_limits(system("0::/user.slice/job/step\n", mounts, files))
    assert sorted(limits) == [3 << 30, 5 << 30]


def test_a_group_of_version_1_is_that_of_the_memory_controller(system):
    files = {
        "fs/memory/memory.limit_in_bytes": UNLIMITED,
        "fs/memory/job 1/memory.limit_in_bytes": 7 << 20,
        "fs/memory/job 1/step/memory.limit_in_bytes": 9 << 20,
        "fs/cpu/x/memory.limit_in_bytes": 1,
        "fs/unified/memory.max": 1,
    }
    groups = "9:name=systemd:/x\n4:cpu,memory:/job 1/step\n1:cpuset:/x\n"
    mounts = [("/", "fs/cpu", "cgroup", "rw,cpuset"), ("/", "fs/memory", "cgroup", "rw,cpu,memory")]
    mounts += [("/", "fs/unified", "cgroup2", "rw")]
    limits = control_group_limits(system(groups, mounts, files))
    assert sorted(limits) == [7 << 20, 9 << 20, UNLIMITED]


def test_a_group_of_version_1_that_does_not_limit_those_in_it_does_not_count(system):
    files = {
        "fs/memory.limit_in_bytes": UNLIMITED,
        "fs/job/memory.limit_in_bytes": 7 << 20,
        "fs/job/memory.use_hierarchy": 0,
        "fs/job/step/memory.limit_in_bytes": 9 << 20,
    }
    mounts = [("/", "fs", "cgroup", "rw,memory")]
    assert control_group_limits(system("4:memory:/job/step\n", mounts, files)) == [9 << 20]


@pytest.mark.parametrize("group", ["/docker/abc/in", "/../in", "/elsewhere"])
def test_a_container_sees_the_groups_that_are_mounted_in_it(system, group):
    files = {"my fs/memory.max": 4 << 30, "my fs/in/memory.max": 6 << 30, "memory.max": 1}
    mounts = [("/docker/abc", "my fs", "cgroup2", "rw")]
    limits = control_group_limits(system(f"0::{group}\n", mounts, files))
    assert limits == ([6 << 30, 4 << 30] if "abc" in group else [4 << 30])


def test_a_system_without_control_groups_has_no_limits(tmp_path, system):
    assert control_group_limits(tmp_path / "nothing") == []
    assert control_group_limits(system("", [], {})) == []


def test_this_process_has_memory_and_not_more_than_its_groups_allow():
    limits = [limit for limit in control_group_limits() if limit > 0]
    assert 0 < machine_memory() <= min(limits, default=2**62)
