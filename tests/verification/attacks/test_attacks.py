"""The command that runs attacks, with attacks whose outcome is known."""

import pytest

from numlean.cli.main import main
from numlean.cli.verify import attacks as command
from numlean.verification.attacks import ATTACKS, Attack, Outcome, tally


def survive(setting):
    for k in range(setting.count):
        yield Outcome(f"case {k} of seed {setting.seed}")


def fall(setting):
    for k in range(setting.count):
        yield Outcome(f"case {k}", "no mercy" if k % 2 else None)


@pytest.fixture
def known(monkeypatch):
    attacks = {"mild": Attack("mild", "nothing", 7, survive), "bad": Attack("bad", "all", 4, fall)}
    monkeypatch.setattr(command, "_BY_NAME", attacks)


def test_a_tally_counts_failures_and_keeps_the_first_ones():
    found = tally([Outcome("a"), Outcome("b", "x"), Outcome("c", "y")])
    assert (found.tried, found.failed, found.first) == (3, 2, Outcome("b", "x"))
    assert found.shown == (Outcome("b", "x"), Outcome("c", "y"))
    assert len(tally([Outcome("a", "x")] * 99).shown) == 10


def test_attacks_that_are_survived_end_with_0(known, capsys):
    assert main(["verify", "attacks", "mild"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["mild", "7", "0"]


def test_a_failure_is_printed_with_its_case_and_ends_with_1(known, capsys):
    assert main(["verify", "attacks", "bad", "mild", "--count", "3"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["bad", "3", "1"],
        ["case", "1:", "no", "mercy"],
        ["mild", "3", "0"],
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [(["mold"], "unknown attack 'mold'"), (["mild", "--count", "0"], "--count must be at least 1")],
)
def test_wrong_use_is_refused(known, capsys, options, message):
    assert main(["verify", "attacks", *options]) == 2
    assert message in capsys.readouterr().err


def test_every_attack_has_its_own_name():
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)
