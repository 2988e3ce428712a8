"""The settings of a training, for a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def training_settings(header: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a training, its data and its machine, from the first record."""
    shapes = (f"{name} {tuple(shape)}" for name, shape in header["parameters"])
    return {
        "batch size": str(header["batch_size"]),
        "optimizer": header["optimizer"],
        "schedule": header["schedule"] or f"constant, {header['lr']}",
        "parameters": ", ".join(shapes),
        "data digest": header["data_digest"],
        "numlean": header["numlean"],
        "machine": f"{header['platform']}, Python {header['python']}, numpy {header['numpy']}",
    }
