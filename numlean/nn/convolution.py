"""Convolution over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.layer import Context, Layer, ParameterSpec, Shape, wrong_shape, zeros
from numlean.nn.linear import xavier_uniform
from numlean.nn.windows import Extent, Window, patches


@dataclass(frozen=True)
class Conv2d(Layer):
    """Cross-correlation with W of shape (out, in, kernel rows, kernel columns), channels first.

    Each output is +0 + W[o, 0, 0, 0]*x[...] + ... over (channel, kernel row, kernel column) in that
    order, then + b[o]. Padding is +0 and enters the sum. The gradient of an input element adds the
    gradients of its uses from +0, in the order of (kernel row, kernel column). W starts Xavier
    uniform, b at zero.

    Attributes:
        in_channels: The channels of a sample.
        out_channels: The channels of its output.
        kernel: Rows and columns of the kernel; one number stands for both, as in the next two.
        stride: The distance between positions of the kernel.
        padding: The extent of the zeros around the image.
    """

    in_channels: int
    out_channels: int
    kernel: Extent
    stride: Extent = 1
    padding: Extent = 0

    def __post_init__(self) -> None:
        if self.in_channels < 1 or self.out_channels < 1:
            raise ShapeError(
                f"{self.name}: a convolution needs at least one input and one output channel"
            )
        _ = self.window

    @property
    def window(self) -> Window:
        """The window that slides over a sample."""
        return Window.of(self.kernel, self.stride, self.padding)

    @property
    def name(self) -> str:
        """The layer with its channels and kernel."""
        return f"Conv2d({self.in_channels}, {self.out_channels}, {self.kernel})"

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight and the bias."""
        shape = (self.out_channels, self.in_channels, *self.window.kernel)
        return (
            ParameterSpec("weight", shape, xavier_uniform),
            ParameterSpec("bias", (self.out_channels,), zeros),
        )

    def output_shape(self, shape: Shape) -> Shape:
        """Return (out, rows, columns) for samples of shape (in, height, width)."""
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise wrong_shape(self, f"({self.in_channels}, height, width)", shape)
        return (self.out_channels, *self.window.positions(shape[1:]))

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs (batch, out, rows, columns) for x (batch, in, height, width)."""
        weight, bias = parameters
        covered = ops.take(x, patches(x.shape, self.window))
        z = weight.reshape(self.out_channels, covered.shape[0]) @ covered
        z = z + bias.reshape(self.out_channels, 1)
        out, *positions = self.output_shape(x.shape[1:])
        return ops.permute(z.reshape(out, x.shape[0], *positions), (1, 0, 2, 3))
