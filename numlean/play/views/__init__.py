"""The views, in the order of the navigation."""

from typing import Final

from numlean.play.views.formats.view import FORMATS
from numlean.play.views.numbers.view import NUMBERS
from numlean.play.views.view import View

VIEWS: Final[tuple[View, ...]] = (NUMBERS, FORMATS)
