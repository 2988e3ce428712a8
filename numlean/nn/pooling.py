"""Pooling: reduce each window of an image to one number."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import NumleanError, ShapeError
from numlean.nn.layer import Context, Layer, Shape, label, wrong_shape
from numlean.nn.windows import Extent, Window, keep_extents, windows
from numlean.scalar.constants import Constant, formula

_SMOOTH: Final = "m + log(sum(exp(beta * (x - m)))) / beta"


class Pooling(Layer):
    """A layer that reduces each window of each channel to one number."""

    @property
    @abstractmethod
    def window(self) -> Window:
        """The window."""

    @abstractmethod
    def _pool(self, x: Tensor) -> Tensor:
        """Return shape (n,) for x of shape (places in the window, n)."""

    @property
    def _pads_within(self) -> bool:
        """Whether padding repeats a place within the image instead of being +0."""
        return False

    def output_shape(self, shape: Shape) -> Shape:
        """Return (channels, rows, columns) for samples of shape (channels, height, width)."""
        if len(shape) != 3:
            raise wrong_shape(self, "(channels, height, width)", shape)
        return (shape[0], *self.window.positions(shape[1:]))

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs of shape (batch, channels, rows, columns)."""
        places = windows(x.shape, self.window, within=self._pads_within)
        covered = ops.take(context.arithmetic.reduced(x), places)
        z = ops.cast(self._pool(covered), x.scalar)
        return z.reshape(x.shape[0], *self.output_shape(x.shape[1:]))


@checked
@dataclass(frozen=True)
class MaxPool2d(Pooling):
    """The maximum of each window; the gradient of a tie goes to the first element in C order.

    Padding never is the maximum.

    Attributes:
        kernel: Rows and columns of the window; one number stands for both, as in the next two.
        stride: The distance between positions; by default the kernel.
        padding: The extent of the padding around the image; at most half the kernel's reach.
        dilation: The distance between the places that the window covers.
    """

    kernel: Extent
    stride: Extent | None = None
    padding: Extent = 0
    dilation: Extent = option(1, kw_only=False)

    def __post_init__(self) -> None:
        keep_extents(self, "kernel", "stride", "padding", "dilation")
        reach, padding = self.window.reach, self.window.padding
        if any(2 * p > k for p, k in zip(padding, reach, strict=True)):
            raise ShapeError(
                f"{self.name}: padding must be at most half the kernel, so that every window"
                f" covers a part of the image; got {self.padding}"
            )

    @property
    def window(self) -> Window:
        """The window."""
        stride = self.kernel if self.stride is None else self.stride
        return Window.of(self.kernel, stride, self.padding, self.dilation)

    @property
    def name(self) -> str:
        """The layer with its kernel."""
        return label(self, self.kernel)

    @property
    def _pads_within(self) -> bool:
        return True

    def _pool(self, x: Tensor) -> Tensor:
        return ops.max_(x, 0)


@checked
@dataclass(frozen=True)
class AvgPool2d(Pooling):
    """The sum of each window, in C order from +0, divided once by its size.

    Padding is +0 and counts.

    Attributes:
        kernel: Rows and columns of the window; one number stands for both, as in the next two.
        stride: The distance between positions; by default the kernel.
        padding: The extent of the padding around the image.
    """

    kernel: Extent
    stride: Extent | None = None
    padding: Extent = 0

    def __post_init__(self) -> None:
        keep_extents(self, "kernel", "stride", "padding")
        _ = self.window

    @property
    def window(self) -> Window:
        """The window."""
        stride = self.kernel if self.stride is None else self.stride
        return Window.of(self.kernel, stride, self.padding)

    @property
    def name(self) -> str:
        """The layer with its kernel."""
        return f"AvgPool2d({self.kernel})"

    def _pool(self, x: Tensor) -> Tensor:
        return ops.sum_(x, 0) / self.window.size


@checked
@dataclass(frozen=True)
class SmoothMaxPool2d(Pooling):
    """m + log(sum(exp(beta * (x - m)))) / beta over each window, with m its maximum, a constant.

    It exceeds the maximum by at most log(n) / beta, where n is the size of the window.

    Attributes:
        kernel: Rows and columns of the window; one number stands for both.
        beta: The sharpness.
        stride: The distance between positions; by default the kernel.
    """

    kernel: Extent
    beta: float = 1.0
    stride: Extent | None = None

    def __post_init__(self) -> None:
        keep_extents(self, "kernel", "stride")
        _ = self.window
        if not self.beta > 0:
            raise NumleanError(f"{self.name}: the sharpness beta must be positive")

    @property
    def window(self) -> Window:
        """The window."""
        return Window.of(self.kernel, self.kernel if self.stride is None else self.stride)

    @property
    def name(self) -> str:
        """The layer with its kernel and sharpness."""
        return f"SmoothMaxPool2d({self.kernel}, beta={self.beta})"

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The sharpness."""
        return (Constant("beta", self.beta, _SMOOTH, at_zero="divides by zero"),)

    def _pool(self, x: Tensor) -> Tensor:
        m = ops.max_constant(x, 0, keepdims=True)
        total = ops.sum_(ops.exp(self.beta * (x - m)), 0)
        with formula(_SMOOTH):
            return m.reshape(total.size) + ops.log(total) / self.beta
