"""No file that numlean reads executes code. Only the kernel cache unpickles, after its checks."""

import ast
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import numlean as nl
from numlean.tasks.sources import TableSource

ROOT = Path(nl.__file__).parents[1]
SOURCES = [
    path
    for package in ("numlean", "backends/numlean_backends", "kernels/numlean_kernels")
    for path in (ROOT / package).rglob("*.py")
]
UNPICKLING = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "yaml"}


class Payload:
    """Creates a folder if it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def raw(payload):
    return pickle.dumps(payload)


def npy(payload):
    file = io.BytesIO()
    np.save(file, np.array([payload], dtype=object), allow_pickle=True)
    return file.getvalue()


def npz(payload):
    file = io.BytesIO()
    np.savez(file, x=np.array([payload], dtype=object), y=np.zeros(1))
    return file.getvalue()


def state_dict(payload):
    """Return an archive as torch.save writes it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(payload))
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


TASK = nl.Task.regression(nl.nn.Sequential(nl.nn.Linear(2, 1), sample_shape=(2,)))
READERS = {
    "a table": lambda path: TableSource(path, "y").resolve().load(),
    "a checkpoint": nl.checkpoint.load,
    "weights": lambda path: nl.instantiate(TASK, nl.get_scalar("mp:24"), initial=path),
    "a certificate": lambda path: nl.replay(path),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("make", [raw, npy, npz, state_dict])
@pytest.mark.parametrize(
    "ending", ["csv", "npy", "npz", "ckpt", "json", "safetensors", "pt", "pth"]
)
def test_a_pickle_in_any_file_is_refused_and_not_executed(tmp_path, reader, make, ending):
    path = tmp_path / f"hostile.{ending}"
    path.write_bytes(make(Payload(tmp_path / "executed")))
    with pytest.raises(nl.NumleanError) as found:
        READERS[reader](str(path))
    assert "\n" not in str(found.value)
    assert not (tmp_path / "executed").exists()


def parsed(*texts):
    """Yield each source with one of the texts, as a path and a tree."""
    for path in SOURCES:
        source = path.read_text(encoding="utf-8")
        if any(text in source for text in texts):
            yield path.relative_to(ROOT).as_posix(), ast.parse(source)


def imports(tree):
    """Yield the names of all modules that are imported, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_only_the_kernel_cache_and_its_attack_import_pickle():
    found = {path: UNPICKLING & set(imports(tree)) for path, tree in parsed(*UNPICKLING)}
    assert {path: modules for path, modules in found.items() if modules} == {
        "kernels/numlean_kernels/targets/cache/kernel_cache.py": {"pickle"},
        "numlean/verification/attacks/caches/damage.py": {"pickle"},
    }


def test_numpy_never_unpickles():
    calls = [
        ast.unparse(call)
        for _, tree in parsed("np.load(", "read_array(", "torch.load(")
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith((".load", "read_array"))
        and ast.unparse(call.func).startswith(("np.", "torch."))
    ]
    assert all("allow_pickle=False" in call for call in calls), calls
