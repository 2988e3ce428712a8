"""A loss as reports give it: the exact mean, and what the run's own arithmetic makes of it."""

from __future__ import annotations

from typing import Any, final

from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError
from numlean.scalar.protocol import Scalar, Storage


@final
class ReportedLoss(float):
    """The exact mean of losses, rounded once to binary64, with the mean in the run's arithmetic.

    The number is the same measure in every arithmetic; :mod:`numlean.losses.exact_mean` defines it.
    ``scalar``, ``data`` and ``shape`` are those of the value in the run's arithmetic.

    Attributes:
        in_format: The mean in the run's arithmetic, as :meth:`numlean.Runner.mean_loss` returns it.
    """

    in_format: Tensor

    def __new__(cls, exact: float, in_format: Tensor) -> ReportedLoss:
        """Return the reported loss of an exact mean and a value in the run's arithmetic."""
        loss = super().__new__(cls, exact)
        loss.in_format = in_format
        return loss

    def __getnewargs__(self) -> Any:
        """Return what a copy is made from."""
        return float(self), self.in_format

    def item(self) -> float:
        """Return the exact mean."""
        return float(self)

    @property
    def scalar(self) -> Scalar:
        """The run's arithmetic."""
        return self.in_format.scalar

    @property
    def data(self) -> Storage:
        """The value in the run's arithmetic."""
        return self.in_format.data

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a single number, ()."""
        return self.in_format.shape


def as_reported(what: str, loss: Any) -> ReportedLoss:
    """Return a reported loss; one that a tensor of shape () is both exactly and in its arithmetic.

    Raises:
        NumleanError: It is neither.
    """
    if isinstance(loss, ReportedLoss):
        return loss
    if isinstance(loss, Tensor) and loss.shape == ():
        return ReportedLoss(loss.item(), loss)
    raise NumleanError(f"{what} must be a ReportedLoss or a tensor of shape (), got {loss!r:.60}")
