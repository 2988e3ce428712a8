"""What the records of an analysis say about its training, its data and the machine."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from numlean.checkpoint.fingerprint import data_fingerprint
from numlean.tasks import Split
from numlean.training import Task, TrainConfig


def training_record(task: Task, config: TrainConfig, data: Split) -> dict[str, Any]:
    """Return how a task is trained, its parameters and the digest of its data."""
    return {
        "steps": config.steps,
        "batch_size": config.batch_size,
        "optimizer": repr(config.optimizer),
        "schedule": None if config.scheduler is None else repr(config.scheduler),
        "lr": config.optimizer.lr,
        "parameters": [[spec.name, [*spec.shape]] for spec in task.model.parameters],
        "data_digest": data_fingerprint(data.train)["sha256"],
    }


def machine_record() -> dict[str, str]:
    """Return what the analysis runs on."""
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def version_record() -> dict[str, str]:
    """Return the version of numlean."""
    from numlean.version import __version__  # reads the metadata of the installation

    return {"numlean": __version__}
