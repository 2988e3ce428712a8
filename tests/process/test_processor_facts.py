"""What Linux says about processors, read from its files."""

from numlean.process import processors

CPUINFO = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC
stepping\t: 1
physical id\t: 0
core id\t\t: 0

processor\t: 1
vendor_id\t: AuthenticAMD
model name\t: AMD EPYC
physical id\t: 0
core id\t\t: 0

processor\t: 2
physical id\t: 0
core id\t\t: 1
"""


def test_threads_of_one_core_count_once(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    monkeypatch.setattr(processors, "_CPUINFO", tmp_path / "cpuinfo")
    assert processors.physical_cores() == 2
    assert processors.processor_name() == "AMD EPYC"
    assert processors.processor_identity() == {
        "name": "AMD EPYC",
        "vendor": "AuthenticAMD",
        "family": "25",
        "model": "17",
        "stepping": "1",
    }


def test_a_system_that_says_nothing_leaves_fields_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(processors, "_CPUINFO", tmp_path / "missing")
    assert set(processors.processor_identity().values()) == {None}
    assert processors.processor_name()
    assert processors.physical_cores() is None
