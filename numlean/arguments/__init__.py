"""Checks of the arguments of public functions, derived from their annotations.

``@checked`` makes a function refuse an argument of a wrong kind, before it runs, in one line that
names the function, the argument and the value. What has only one meaning is accepted: a numpy
integer where an integer is due, a list where a tuple is due, the name of a member of an
enumeration. The annotation is the only place that states the kind of an argument.
"""

from numlean.arguments.checking import checked
from numlean.arguments.kinds import describe_value

__all__ = ["checked", "describe_value"]
