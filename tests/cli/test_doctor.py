"""``numlean doctor`` lists the installation and checks the bits of each device."""

from numlean.cli.main import main
from numlean.verification import doctor


def test_it_prints_versions_and_the_machine_and_finds_the_bits_of_each_device_right(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = dict(line.split(maxsplit=1) for line in lines)
    assert facts["numba"] == doctor.versions()["numba"]
    assert {"numlean", "python", "numpy", "llvmlite", "processor", "threads"} <= facts.keys()
    assert any(line.startswith("kernels kept in ") for line in lines)
    for device in ("cpu", "python"):
        assert f"device {device}: the bits are right" in "\n".join(lines)
    (line,) = (line for line in lines if line.startswith("device cuda: "))
    assert "bits are right" in line or "not available: " in line


def test_bits_that_are_wrong_are_named_and_are_exit_status_one(capsys, monkeypatch):
    monkeypatch.setitem(doctor.EXPECTED, "bfloat16", "0" * 16)
    monkeypatch.setattr("numlean.cli.doctor.DEVICES", ("python",))
    assert main(["doctor"]) == 1
    assert "device python: WRONG BITS in bfloat16\n" in capsys.readouterr().out


def test_hardware_and_emulation_are_expected_to_have_the_same_bits():
    for part in ("float32", "float32 training"):
        assert doctor.EXPECTED[part] == doctor.EXPECTED[part.replace("float32", "ieee32exec")]


def test_a_package_that_is_not_installed_is_reported_as_missing(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "surely-not-installed"))
    assert doctor.versions()["surely-not-installed"] == "not installed"


def test_too_little_memory_is_one_line_and_wrong_use(capsys, monkeypatch):
    def fail():
        raise MemoryError("device cuda: there is no room")

    monkeypatch.setattr(doctor, "versions", fail)
    assert main(["doctor"]) == 2
    assert capsys.readouterr().err == "numlean: error: device cuda: there is no room\n"
