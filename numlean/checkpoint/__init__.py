"""Checkpoints, which resume a run bit for bit; weights from and for other programs."""

from numlean.checkpoint.errors import CheckpointError
from numlean.checkpoint.exporting import Exported, export
from numlean.checkpoint.importing import import_weights
from numlean.checkpoint.reading import Checkpoint, load
from numlean.checkpoint.resuming import resume
from numlean.checkpoint.run import Run
from numlean.checkpoint.writing import save

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Exported",
    "Run",
    "export",
    "import_weights",
    "load",
    "resume",
    "save",
]
