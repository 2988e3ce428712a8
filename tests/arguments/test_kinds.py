"""Which values an annotation takes."""

from typing import Protocol

from numlean.arguments.kinds import WRONG, kind_of


class Named(Protocol):
    """Something with a name."""

    name: str = ""

    def call(self):
        """Call it."""


class Own:
    """A class that leaves the name to its instances."""

    def call(self):
        pass


def test_a_protocol_takes_instances_that_have_the_attributes_their_class_lacks():
    kind, named, other = kind_of(Named), Own(), Own()
    named.name = "x"
    for _ in range(2):  # what is known of the class decides nothing about its instances
        assert kind.convert(named) is named
        assert kind.convert(other) is WRONG
        assert not kind.takes(other)
    assert "lacks name" in kind.lacking(other)
    assert kind.lacking(3) == ""


def test_a_protocol_takes_instances_of_classes_that_have_all_by_their_type():
    class Whole(Own):
        name = "x"

    kind = kind_of(Named)
    assert kind.takes(Whole())
    assert kind.convert(Whole) is WRONG
