"""numlean: train the same network in any number format, and find the first bit that differs.

``import numlean as nl``; then ``nl.get_scalar("ieee32exec")``, ``nl.train(...)``,
``nl.crosscheck(...)``. The public names are those of :mod:`numlean.api`, which is imported when one
of them is used first, so that ``numlean --help`` does not wait for numpy.
"""

TYPE_CHECKING = False  # type checkers know the name; to import it from typing would take too long

if TYPE_CHECKING:
    from numlean.api import *  # noqa: F403
else:
    from importlib import import_module

    _LAZY_DUNDER = ("__all__", "__version__")

    def __getattr__(name: str) -> object:
        """Return a public name, or a subpackage."""
        if name.startswith("__") and name not in _LAZY_DUNDER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        api = import_module("numlean.api")
        if name == "__all__":
            return api.__all__
        if name in api.__all__:
            globals()[name] = value = getattr(api, name)
            return value
        if name in globals():  # a subpackage, imported by the line above
            return globals()[name]
        from numlean.names import did_you_mean

        near = did_you_mean(name, api.__all__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{near}")

    def __dir__() -> list[str]:
        """Return the public names and the subpackages."""
        api = import_module("numlean.api")  # before globals(), to which it adds the subpackages
        return sorted({*globals(), *api.__all__})
