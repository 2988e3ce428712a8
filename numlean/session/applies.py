"""What the operations of a session are made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from numlean.autograd.tensor import Tensor
from numlean.session.references import Ref


class TapeOperations(ABC):
    """Applies functions to tensors on a tape."""

    @abstractmethod
    def apply(self, function: Callable[..., Tensor], *operands: Ref, **static: Any) -> Ref:
        """Put on the tape what a function gives for tensors that are there.

        Args:
            function: Made of primitives, and always the same object for the same formula; it must
                not look at the numbers.
            operands: What it takes first.
            static: What else it takes, by name; hashable.

        Raises:
            NumleanError: An operand is not on this tape.
        """

    @abstractmethod
    def index(self, places: ArrayLike, of: Ref) -> Ref:
        """Put places along a tensor's first axis on the tape.

        Raises:
            NumleanError: They are no whole numbers from 0 on, or name no place.
        """
