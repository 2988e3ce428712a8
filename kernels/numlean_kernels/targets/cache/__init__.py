"""The disk cache of compiled kernels."""

from numlean_kernels.targets.cache.kernel_cache import (
    CpuKernelCache,
    KernelCache,
    enable_disk_cache,
)
from numlean_kernels.targets.cache.settings import machine_code_settings
from numlean_kernels.targets.cache.sources import source_hash
from numlean_kernels.targets.cache.state import cached_kernels, describe_cache

__all__ = [
    "CpuKernelCache",
    "KernelCache",
    "cached_kernels",
    "describe_cache",
    "enable_disk_cache",
    "machine_code_settings",
    "source_hash",
]
