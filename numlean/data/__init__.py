"""Samples, and the order in which they are seen."""

from numlean.data.dataset import Dataset, Sample
from numlean.data.minibatches import minibatches

__all__ = ["Dataset", "Sample", "minibatches"]
