"""``numlean play``: a local page that shows numbers, operations, formats and runs in a browser.

The package can be called: ``nl.play()`` starts the server, and returns it. It is a package, too, so
that the name means the same before and after its modules are imported.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numlean.play.background import PlayServer


class _Play(ModuleType):
    def __call__(self, port: int = 0) -> PlayServer:
        """Start the server for the current folder; see :func:`numlean.play.background.play`."""
        from numlean.play.background import play  # few programs need it

        return play(port)


sys.modules[__name__].__class__ = _Play
