"""numba-cuda's disk cache, keyed by the content of a kernel, as in ``targets.cache``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba_cuda
from numba.cuda.core.caching import IndexDataCacheFile
from numba.cuda.dispatcher import CUDACache

from numlean_kernels.targets.cache import FilesByKey, file_name


class CudaKernelCache(CUDACache):  # type: ignore[misc]
    """The cache of one kernel: its machine code, by the compute capability."""

    def __init__(self, function: Callable[..., None], key: str) -> None:
        super().__init__(function)
        self._key = f"{key} {numba_cuda.__version__}"
        self._cache_file = _File(self._cache_path, file_name(function), b"")

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        return signature, codegen.magic_tuple(), self._key


class _File(FilesByKey, IndexDataCacheFile):  # type: ignore[misc]
    """Numba-cuda's own file format."""
