"""Tables that are computed once: what is loaded, and what is computed again."""

import os

import numpy as np
import pytest

from numlean_kernels.cache_files import store
from numlean_kernels.cache_files.entry import pack, unpack
from numlean_kernels.elementary import kept_table as kept
from numlean_kernels.elementary.kept_table import kept_table, kept_tables
from numlean_kernels.elementary.piecewise_polynomial import polynomials
from numlean_kernels.elementary.saturating import TANH, _odd_pieces, odd_polynomials

WORDS = np.array([0, 1, 1 << 63, (1 << 64) - 1], np.uint64)


@pytest.fixture
def top(tmp_path, monkeypatch):
    store.warn_once.cache_clear()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "top"))
    return tmp_path / "top"


class Table:
    """Computes a table, and counts how often."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return WORDS

    def kept(self, name="a table"):
        return kept_table(name, self, fits=lambda count: count == 4)


def path_of(top):
    (path,) = top.rglob("*.words")
    return path


def test_a_table_is_computed_once(top):
    table = Table()
    for _ in range(3):
        found = table.kept()
        assert found.tolist() == WORDS.tolist()
        assert found.dtype == np.uint64
    assert table.count == 1
    table.kept("another table")
    assert table.count == 2


def test_tables_of_other_versions_are_computed_again(top, monkeypatch):
    table = Table()
    table.kept()
    monkeypatch.setattr(kept, "_version", lambda: "another version")
    table.kept()
    assert table.count == 2


def test_several_tables_are_kept_together(top):
    for _ in range(2):
        first, second = kept_tables("two", (1, 3), lambda: (WORDS[:1], WORDS[1:]))
        assert (first.tolist(), second.tolist()) == (WORDS[:1].tolist(), WORDS[1:].tolist())


def altered(raw):
    middle = len(raw) - 9
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


def of_another_key(raw):
    return pack("table other", unpack(raw)[1])


def of_another_size(raw):
    key, content = unpack(raw)
    return pack(key, content[:-8])


@pytest.mark.parametrize(
    "damage", [altered, of_another_key, of_another_size, lambda raw: raw[:-1], lambda raw: b""]
)
def test_a_damaged_table_is_computed_again_and_replaced(top, damage):
    table = Table()
    table.kept()
    path = path_of(top)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(RuntimeWarning, match="cached table .* is computed again and replaced"):
        assert table.kept().tolist() == WORDS.tolist()
    assert table.kept().tolist() == WORDS.tolist()
    assert table.count == 2


def test_a_folder_that_others_can_write_to_is_not_used(top):
    table = Table()
    table.kept()
    path_of(top).parent.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="is not used: others can write"):
        assert table.kept().tolist() == WORDS.tolist()
    assert table.count == 2


def test_a_folder_that_cannot_be_written_is_one_warning(top, monkeypatch):
    def fail(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(store.Folder, "write", fail)
    table = Table()
    with pytest.warns(RuntimeWarning, match="tables of constants are not saved"):
        table.kept()
    table.kept()  # a second warning would be an error
    assert table.count == 2


def test_a_loaded_table_is_the_computed_one(top):
    computed = polynomials(list(_odd_pieces(TANH)))
    odd_polynomials.cache_clear()
    for _ in range(2):
        assert np.array_equal(odd_polynomials(TANH), computed)
        odd_polynomials.cache_clear()
    assert path_of(top)
