"""Samples, and the order in which they are seen."""

from numlean.data.dataset import Dataset, Sample
from numlean.data.loader import SHUFFLE_PROFILES, Batch, DataLoader
from numlean.data.minibatches import minibatches

__all__ = ["SHUFFLE_PROFILES", "Batch", "DataLoader", "Dataset", "Sample", "minibatches"]
