"""What a view is for the server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from numlean.pages.html import Child
from numlean.play.page import Link
from numlean.play.workspace import Workspace


@dataclass(frozen=True)
class Shown:
    """What a view shows for an address.

    Attributes:
        title: The title of the window.
        address: The canonical path and query.
        content: The page's content.
    """

    title: str
    address: str
    content: Child


Show: TypeAlias = Callable[[Mapping[str, str], Workspace], Shown]
"""Computes a view from the parameters of an address."""


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        link: Its place in the navigation.
        script: The name of its script, which updates it in place.
        show: Computes what it shows. Invalid parameters are messages on the page, not errors.
    """

    link: Link
    script: str
    show: Show
