"""Samples, and the order in which they are seen."""

from numlean.data._minibatches import minibatches
from numlean.data.dataset import Dataset, Sample
from numlean.data.loader import SHUFFLE_PROFILES, Batch, DataLoader

__all__ = ["SHUFFLE_PROFILES", "Batch", "DataLoader", "Dataset", "Sample", "minibatches"]
