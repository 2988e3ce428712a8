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
UNPICKLING_FUNCTIONS = {"load", "read_array", "NpzFile", "read_pickle"}


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


def origins(tree):
    """Return what each imported name stands for, such as numpy.load."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def unpickling_calls(tree):
    """Return the calls of numpy and PyTorch that read a file, and may unpickle."""
    names, found = origins(tree), []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        root, *rest = ast.unparse(call.func).split(".")
        package, *path = ".".join((names.get(root, root), *rest)).split(".")
        refuses = any(ast.unparse(each) == "allow_pickle=False" for each in call.keywords)
        if package in ("numpy", "torch", "pandas") and path and path[-1] in UNPICKLING_FUNCTIONS:
            found += [] if refuses and package == "numpy" else [ast.unparse(call)]
    return found


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.load(path)",
        "import numpy\ndef f():\n    return numpy.load(path, allow_pickle=True)",
        "from numpy import load as read\nread(path)",
        "from numpy.lib import format\nformat.read_array(file)",
        "from numpy.lib.format import read_array\nread_array(file, allow_pickle=wanted)",
        "import numpy.lib.format\nnumpy.lib.format.read_array(file)",
        "import torch\ntorch.load(path, allow_pickle=False)",
    ],
)
def test_a_call_that_may_unpickle_is_found(source):
    assert len(unpickling_calls(ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source", ["import numpy as np\nnp.load(path, allow_pickle=False)", "load(path)", "a.load(b)"]
)
def test_other_calls_are_not(source):
    assert unpickling_calls(ast.parse(source)) == []


def test_no_call_of_numpy_or_pytorch_may_unpickle():
    trees = dict(parsed(""))
    assert {"numlean/data/tables.py", "numlean/checkpoint/container.py"} < trees.keys()
    found = {path: unpickling_calls(tree) for path, tree in trees.items()}
    assert {path: calls for path, calls in found.items() if calls} == {}
