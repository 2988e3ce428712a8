"""binary32 in integer arithmetic only: the executable specification, at vector speed."""

from __future__ import annotations

from numlean.kernel_scalar import KernelScalar
from numlean.registry import Backend, Spec
from numlean_backends.codecs import EncodingCodec
from numlean_kernels.formats import BINARY32
from numlean_kernels.ieee import Arithmetic, ieee_table
from numlean_kernels.targets import get_target


def _make(spec: Spec, device: str) -> KernelScalar:
    target = get_target(device)
    arithmetic = Arithmetic(BINARY32)
    table = ieee_table(arithmetic, target)
    return KernelScalar(
        name=spec.text,
        summary="binary32 in integer arithmetic",
        table=table,
        target=target,
        codec=EncodingCodec(arithmetic, table, target),
    )


scalar = Backend(
    pattern="ieee32exec",
    summary="binary32 emulated in integer arithmetic, bit for bit IEEE 754",
    devices=("cpu", "python"),
    make=_make,
)
