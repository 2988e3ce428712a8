"""Samples, batches, datasets and loaders."""

from numlean.data._minibatches import minibatches
from numlean.data.dataset import Batch, Dataset, Sample
from numlean.data.loader import SHUFFLE_PROFILES, DataLoader, LoaderBatch
from numlean.data.size_limit import max_size

__all__ = [
    "SHUFFLE_PROFILES",
    "Batch",
    "DataLoader",
    "Dataset",
    "LoaderBatch",
    "Sample",
    "max_size",
    "minibatches",
]
