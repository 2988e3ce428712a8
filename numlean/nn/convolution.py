"""Convolution over images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numlean.arguments import checked
from numlean.arguments.option import option
from numlean.autograd import primitives as ops
from numlean.autograd.tensor import Tensor
from numlean.errors import ShapeError
from numlean.nn.checks import check_flags, check_integers
from numlean.nn.layer import (
    Context,
    Layer,
    ParameterSpec,
    Shape,
    label,
    wrong_shape,
)
from numlean.nn.linear import bias_spec, weight_spec
from numlean.nn.windows import Extent, Window, keep_extents, patches
from numlean.precision.arithmetic import Arithmetic


@checked
@dataclass(frozen=True)
class Conv2d(Layer):
    """Cross-correlation with W of shape (out, in / groups, kernel rows, kernel columns).

    Channels come first. They are split into groups, and each group of outputs sees its own group of
    inputs. Each output is +0 + W[o, 0, 0, 0]*x[...] + ... over (channel of the group, kernel row,
    kernel column) in that order, then + b[o] if there is a bias. Padding is +0 and enters the sum.
    The gradient of an input element adds the gradients of its uses from +0, in the order of (kernel
    row, kernel column). W starts Xavier uniform, b at zero.

    Attributes:
        in_channels: The channels of a sample.
        out_channels: The channels of its output.
        kernel: Rows and columns of the kernel; one number stands for both, as in the next three.
        stride: The distance between positions of the kernel.
        padding: The extent of the zeros around the image.
        dilation: The distance between the places that the kernel covers.
        groups: The number of groups, a divisor of both numbers of channels.
        bias: Whether there is a bias.
    """

    in_channels: int
    out_channels: int
    kernel: Extent
    stride: Extent = 1
    padding: Extent = 0
    dilation: Extent = option(1, kw_only=False)
    groups: int = option(1, kw_only=False)
    bias: bool = option(True, kw_only=False)

    def __post_init__(self) -> None:
        check_flags(self, "bias")
        keep_extents(self, "kernel", "stride", "padding", "dilation")
        if self.in_channels < 1 or self.out_channels < 1:
            raise ShapeError(
                f"{self.name}: a convolution needs at least one input and one output channel"
            )
        check_integers(self, "groups", least=1)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ShapeError(
                f"{self.name}: groups must divide the input and the output channels, got"
                f" {self.groups}"
            )
        _ = self.window

    @property
    def window(self) -> Window:
        """The window that slides over a sample."""
        return Window.of(self.kernel, self.stride, self.padding, self.dilation)

    @property
    def name(self) -> str:
        """The layer with its channels and kernel."""
        return label(self, self.in_channels, self.out_channels, self.kernel)

    @property
    def parameters(self) -> tuple[ParameterSpec, ...]:
        """The weight and the bias, if there is one."""
        shape = (self.out_channels, self.in_channels // self.groups, *self.window.kernel)
        weight = weight_spec("weight", shape)
        bias = bias_spec("bias", self.out_channels)
        return (weight, bias) if self.bias else (weight,)

    def output_shape(self, shape: Shape) -> Shape:
        """Return (out, rows, columns) for samples of shape (in, height, width)."""
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise wrong_shape(self, f"({self.in_channels}, height, width)", shape)
        return (self.out_channels, *self.window.positions(shape[1:]))

    def __call__(self, parameters: Sequence[Tensor], x: Tensor, context: Context) -> Tensor:
        """Return outputs (batch, out, rows, columns) for x (batch, in, height, width)."""
        places = patches(x.shape, self.window)
        z = self._products(context.arithmetic, x, places, *parameters)
        out, *positions = self.output_shape(x.shape[1:])
        return ops.permute(z.reshape(out, x.shape[0], *positions), (1, 0, 2, 3))

    def _products(
        self,
        arithmetic: Arithmetic,
        x: Tensor,
        places: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
    ) -> Tensor:
        """Return sums (out, positions) for covered places (in * kernel, positions) of x."""
        rows, positions = places.shape
        outs, ins = self.out_channels // self.groups, rows // self.groups
        by_group = () if self.groups == 1 else (self.groups,)
        z = arithmetic.product_of_parts(
            weight.reshape(*by_group, outs, ins),
            x,
            places,
            (*by_group, ins, positions),
            None if bias is None else bias.reshape(*by_group, outs, 1),
        )
        return z.reshape(self.out_channels, positions) if by_group else z
