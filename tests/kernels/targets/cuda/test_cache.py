"""The disk cache of kernels for a GPU, with a fake device that compiles and launches nothing."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda", reason="the cuda extra is not installed")

from numba import cuda
from numba.cuda import types

from numlean_kernels.cache_files import store
from numlean_kernels.targets.cache import enable_disk_cache
from numlean_kernels.targets.cuda.cache import CudaKernelCache
from ptx.fake_driver import CAPABILITY, replace_driver


def make():
    def kernel(extents, arrays):
        i = cuda.grid(1)
        if i < extents[0]:
            arrays[1][i] = arrays[0][i] + np.uint32(1)

    return kernel


def compiled():
    """Return a new dispatcher of the kernel, compiled or loaded, and its code."""
    function = make()
    run = cuda.jit(function, launch_bounds=256, lto=False)
    enable_disk_cache(run, function, "a kernel", CudaKernelCache)
    array = types.Array(types.uint32, 1, "C")
    signature = types.UniTuple(types.int64, 1), types.UniTuple(array, 2)
    return run, run.compile(signature).library.get_asm_str()


def test_a_kernel_is_loaded_and_compiled_again_if_its_file_is_damaged(tmp_path, monkeypatch):
    store.warn_once.cache_clear()
    replace_driver(monkeypatch, launch=None)
    codegen = "numba.cuda.codegen.JITCUDACodegen.magic_tuple"
    monkeypatch.setattr(codegen, lambda self: ((13, 0), CAPABILITY))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    first, code = compiled()
    assert sum(first.stats.cache_misses.values()) == 1
    second, loaded = compiled()
    assert sum(second.stats.cache_hits.values()) == 1
    assert loaded == code
    (path,) = (tmp_path / "cache").rglob("*.nbc")
    raw = bytearray(path.read_bytes())
    raw[-9] ^= 4
    path.write_bytes(raw)
    with pytest.warns(RuntimeWarning, match="is compiled again and replaced, because its SHA-256"):
        third, again = compiled()
    assert sum(third.stats.cache_misses.values()) == 1
    assert compiled()[1] == again


def test_a_kernel_that_depends_on_its_launch_is_not_saved():
    class Sensitive:
        launch_config_sensitive = True

    cache = CudaKernelCache(make(), "a kernel")
    assert "configuration of the launch" in cache.obstacle(Sensitive())
