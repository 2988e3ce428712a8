"""numlean and other libraries; each is imported only where it is used."""

from numlean.interop import torch

__all__ = ["torch"]
