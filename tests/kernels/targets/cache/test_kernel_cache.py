"""The cache of a function: what is not right is compiled again, and nothing ends a run."""

import os
import pickle
from types import SimpleNamespace

import pytest

from numlean_kernels.cache_files import store
from numlean_kernels.cache_files.entry import pack
from numlean_kernels.cache_files.folder import Folder, Place
from numlean_kernels.targets.cache import KernelCache
from numlean_kernels.targets.cache.state import describe_cache

CODEGEN = SimpleNamespace(magic_tuple=lambda: ("triple", "processor"))
CONTEXT = SimpleNamespace(refresh=lambda: None, codegen=lambda: CODEGEN)


class Plain(KernelCache):
    """Keeps any object as its machine code."""

    def obstacle(self, compiled):
        return compiled.obstacle

    def reduce(self, compiled):
        return compiled.code

    def rebuild(self, target_context, reduced):
        return reduced

    def compiler(self):
        return "a compiler"


def compiled(code, obstacle=None):
    return SimpleNamespace(code=code, obstacle=obstacle, codegen=CODEGEN)


@pytest.fixture
def top(tmp_path, monkeypatch):
    store.warn_once.cache_clear()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "top"))
    return tmp_path / "top"


@pytest.fixture
def cache(top):
    return Plain(test_saved_code_is_loaded_for_its_types_only, "a key")


def files(top):
    return sorted(top.rglob("*.nbc"))


def test_saved_code_is_loaded_for_its_types_only(cache, top):
    cache.save_overload("types", compiled("code"))
    assert cache.load_overload("types", CONTEXT) == "code"
    assert cache.load_overload("other types", CONTEXT) is None
    assert cache.cache_path == str(files(top)[0].parent)


def test_every_part_of_the_key_counts(cache, top, monkeypatch):
    cache.save_overload("types", compiled("code"))
    other = Plain(test_every_part_of_the_key_counts, "another key")
    assert other.load_overload("types", CONTEXT) is None
    with monkeypatch.context() as patch:
        patch.setattr(CODEGEN, "magic_tuple", lambda: ("triple", "another processor"))
        assert cache.load_overload("types", CONTEXT) is None
    monkeypatch.setattr(Plain, "compiler", lambda self: "another compiler")
    assert cache.load_overload("types", CONTEXT) is None


class Payload:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("keep", [lambda raw: b"", lambda raw: raw[:70]])
def test_nothing_is_unpickled_without_a_right_hash_and_key(cache, top, tmp_path, keep):
    cache.save_overload("types", compiled("code"))
    (path,) = files(top)
    path.write_bytes(keep(path.read_bytes()) + pickle.dumps(Payload(tmp_path / "executed")))
    with pytest.warns(RuntimeWarning, match="is compiled again and replaced, because it"):
        assert cache.load_overload("types", CONTEXT) is None
    path.write_bytes(pack("no key", pickle.dumps(Payload(tmp_path / "executed"))))
    with pytest.warns(RuntimeWarning, match="because it contains something else"):
        assert cache.load_overload("types", CONTEXT) is None
    assert not (tmp_path / "executed").exists()
    cache.save_overload("types", compiled("code"))
    assert cache.load_overload("types", CONTEXT) == "code"


def test_content_that_does_not_fit_this_process_is_replaced(cache, top, monkeypatch):
    cache.save_overload("types", compiled("code"))
    with monkeypatch.context() as patch:
        patch.setattr(Plain, "rebuild", lambda *_: 1 / 0)
        with pytest.warns(RuntimeWarning, match="cannot be loaded: ZeroDivisionError"):
            assert cache.load_overload("types", CONTEXT) is None
    assert cache.load_overload("types", CONTEXT) == "code"


def test_an_unsafe_folder_is_neither_read_nor_written(cache, top):
    cache.save_overload("types", compiled("code"))
    files(top)[0].parent.chmod(0o777)
    with pytest.warns(RuntimeWarning, match="the cache of compiled kernels is not used: others"):
        assert cache.load_overload("types", CONTEXT) is None
    cache.save_overload("more types", compiled("code"))  # the same warning is not repeated
    assert len(files(top)) == 1


def fail(number):
    def write(*_):
        raise OSError(number, os.strerror(number))

    return write


@pytest.mark.parametrize("number", [28, 30, 13, 122, 27])
def test_a_cache_that_cannot_be_written_is_one_warning(cache, monkeypatch, number):
    monkeypatch.setattr(Folder, "write", fail(number))
    what_to_do = "set NUMBA_CACHE_DIR to a folder of your own"
    with pytest.warns(RuntimeWarning, match=f"{os.strerror(number)}.*{what_to_do}"):
        cache.save_overload("a", compiled("code"))
    cache.save_overload("b", compiled("code"))  # a second warning would be an error


def test_a_kernel_that_cannot_be_saved_says_why(cache, top):
    with pytest.warns(RuntimeWarning, match="the kernel a key is not cached on disk: it calls f"):
        cache.save_overload("types", compiled("code", "it calls f"))
    assert not files(top)


def test_a_cache_can_be_disabled_and_flushed(cache):
    cache.save_overload("types", compiled("code"))
    cache.disable()
    assert cache.load_overload("types", CONTEXT) is None
    cache.save_overload("types", compiled("anew"))
    cache.enable()
    assert cache.load_overload("types", CONTEXT) == "code"
    cache.flush()
    assert cache.load_overload("types", CONTEXT) is None


def two_folders(monkeypatch, first, second):
    pair = Folder(first, Place.INSTALLED), Folder(second, Place.USERS)
    monkeypatch.setattr(store, "folders", lambda: iter(pair))
    return pair


def test_kernels_are_saved_into_the_first_folder_that_can_be_written(cache, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    two_folders(monkeypatch, tmp_path / "file" / "cache", tmp_path / "users")
    cache.save_overload("types", compiled("code"))
    assert len(files(tmp_path / "users")) == 1
    assert cache.load_overload("types", CONTEXT) == "code"


def test_kernels_that_root_saved_next_to_the_sources_are_loaded(cache, tmp_path, monkeypatch):
    first, _ = two_folders(monkeypatch, tmp_path / "installed", tmp_path / "users")
    cache.save_overload("types", compiled("code"))
    monkeypatch.setattr(Folder, "write", fail(30))
    assert cache.load_overload("types", CONTEXT) == "code"
    assert first.names()


def test_kernels_of_the_user_who_installed_the_sources_are_passed_over(
    cache, tmp_path, monkeypatch
):
    first, second = two_folders(monkeypatch, tmp_path / "installed", tmp_path / "users")
    cache.save_overload("types", compiled("another user's"))
    try:
        os.chown(first.path, 65534, 65534)
    except OSError as error:
        pytest.skip(f"this process may not give files to others: {error.strerror}")
    assert cache.load_overload("types", CONTEXT) is None
    cache.save_overload("types", compiled("code"))
    assert cache.load_overload("types", CONTEXT) == "code"
    assert second.names()


def test_the_state_of_the_cache_is_one_line(cache, top):
    assert describe_cache() == f"{top}/numlean (does not exist yet)"
    for signature in ("a", "b"):
        cache.save_overload(signature, compiled(bytes(100_000)))
    assert describe_cache() == f"{top}/numlean (2 kernels, 0.2 MB)"
    files(top)[0].write_bytes(b"")
    assert "(2 kernels, 0.1 MB, 1 damaged, to be compiled again when" in describe_cache()
    (top / "numlean").chmod(0o707)
    assert "(not used: others can write to" in describe_cache()
