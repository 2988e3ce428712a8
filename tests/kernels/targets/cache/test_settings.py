"""The settings of numba that are in a key: all that can change machine code."""

from types import SimpleNamespace

import pytest
from numba.core import config

from numlean_kernels.targets.cache import CpuKernelCache, machine_code_settings


def test_settings_that_change_machine_code_are_in_the_key(monkeypatch):
    usual = machine_code_settings(config, cuda=False)
    changes = [
        *[("OPT", config._OptLevel("max")), ("BOUNDSCHECK", 1), ("DEBUGINFO_DEFAULT", 1)],
        *[("CPU_NAME", "generic"), ("CPU_FEATURES", ""), ("ENABLE_AVX", not config.ENABLE_AVX)],
        *[("LOOP_VECTORIZE", 0), ("SLP_VECTORIZE", 1), ("DISABLE_INTEL_SVML", 1), ("DEBUG", 1)],
        *[("LLVM_REFPRUNE_PASS", 0), ("DEBUG_NRT", 1), ("USING_SVML", not config.USING_SVML)],
    ]
    found = set()
    for name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(config, name, value)
            found.add(machine_code_settings(config, cuda=False))
    assert len(found - {usual}) == len(changes)


@pytest.mark.parametrize("name", ["CACHE_DIR", "NUMBA_NUM_THREADS", "DEBUG_CACHE", "COLOR_SCHEME"])
def test_settings_without_effect_are_not(monkeypatch, name):
    usual = machine_code_settings(config, cuda=False)
    monkeypatch.setattr(config, name, "something else")
    assert machine_code_settings(config, cuda=False) == usual


def test_settings_of_cuda_are_in_the_keys_of_cuda_only(monkeypatch):
    usual = [machine_code_settings(config, cuda=cuda) for cuda in (False, True)]
    monkeypatch.setattr(config, "CUDA_DEBUGINFO_DEFAULT", 1)
    changed = [machine_code_settings(config, cuda=cuda) for cuda in (False, True)]
    assert [a == b for a, b in zip(usual, changed, strict=True)] == [True, False]


def test_the_environment_is_read_again(monkeypatch):
    usual = machine_code_settings(config, cuda=False)
    monkeypatch.setenv("NUMBA_DEBUG_NRT_STACK_LIMIT", "7")
    assert machine_code_settings(config, cuda=False) != usual
    monkeypatch.delenv("NUMBA_DEBUG_NRT_STACK_LIMIT")
    assert machine_code_settings(config, cuda=False) == usual


@pytest.mark.parametrize("name", ["NUMBA_OPT", "NUMBA_BOUNDSCHECK", "NUMBA_DEBUGINFO"])
def test_the_environment_chooses_the_file_of_a_kernel(monkeypatch, name):
    def file():
        cache = CpuKernelCache(test_the_environment_chooses_the_file_of_a_kernel, "a kernel")
        codegen = SimpleNamespace(magic_tuple=lambda: ("triple", "processor"))
        return cache._file_name(cache._full_key((), codegen))

    monkeypatch.delenv(name, raising=False)
    usual = file()
    with monkeypatch.context() as patch:
        patch.setenv(name, "1")
        assert file() != usual
    assert file() == usual
