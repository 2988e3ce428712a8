"""The scalar backend of hardware formats."""

from __future__ import annotations

from functools import partial

import numpy as np

from numlean.scalar.dtype import Dtype
from numlean.scalar.kernel_scalar import KernelScalar
from numlean.scalar.registry import ScalarBackend
from numlean_backends.codecs import HardwareCodec
from numlean_kernels.formats import Format
from numlean_kernels.tables.hardware import hardware_table
from numlean_kernels.targets import get_target


def hardware_backend(name: str, format: Format) -> ScalarBackend:
    """Return the backend that computes in a format of the processor."""

    def made(spec: Dtype, device: str, *, fast: bool) -> KernelScalar:
        target = get_target(device)
        return KernelScalar(
            name=spec.text,
            summary=f"hardware {format.name}",
            table=hardware_table(format, target, fast=fast),
            target=target,
            codec=HardwareCodec(format, np.dtype(name)),
        )

    return ScalarBackend(
        pattern=name,
        summary=f"{format.name} of the processor",
        devices=("cpu", "cuda", "python"),
        make=partial(made, fast=False),
        make_fast=partial(made, fast=True),
        format=format,
    )
