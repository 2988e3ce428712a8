"""The caches of the processor, and the shapes of products for them."""

from pathlib import Path

import pytest

from numlean_kernels import processor_caches
from numlean_kernels.targets.vector_matmul import machine


def test_caches_of_the_processor_are_read_and_broken_ones_left_out(tmp_path, monkeypatch):
    for k, (level, kind, size) in enumerate([("1", "Data", "32K"), ("2", "Unified", "?")]):
        folder = tmp_path / f"index{k}"
        folder.mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(f"{text}\n")
    monkeypatch.setattr(processor_caches, "_CACHES", tmp_path)
    assert processor_caches.processor_caches() == [processor_caches.Cache(1, "Data", 32768)]


def test_a_system_that_says_nothing_has_no_caches_and_products_assume_small_ones(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(processor_caches, "_CACHES", tmp_path / "missing")
    assert processor_caches.processor_caches() == []
    assert machine.caches.__wrapped__() == machine.Caches(32 << 10, 256 << 10)


@pytest.mark.skipif(not Path("/sys/devices/system/cpu/cpu0/cache/index2").exists(), reason="Linux")
def test_products_are_shaped_for_the_caches_that_the_system_names():
    sizes = [each.size for each in processor_caches.processor_caches() if each.level == 2]
    assert machine.caches().second == max(sizes[-1], 256 << 10)
