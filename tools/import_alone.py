"""Import every first-party module as the first one of a process: ``python import_alone.py``.

Print the modules that cannot be imported so, and the packages whose ``__init__`` hides a submodule
behind something else of its name. The status is 1 if there are any.

To import ``a.b.c``, Python imports ``a`` and ``a.b`` first. So each package is imported in a fork
of the process that imported its parent, and each module in a fork of the process that imported its
package. The package numlean itself is replaced by an empty one: otherwise its ``__init__`` would
have imported nearly everything, in an order that works.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import mpmath
import numba.cuda
import numpy

THIRD_PARTY = (mpmath, numba.cuda, numpy)
"""Imported once, before any fork, to save time."""


def folder_of(package: str) -> Path:
    """Return the folder of a package that can be imported."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


def children(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the names of the submodules and subpackages in a folder, with their files."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and (path / "__init__.py").exists():
            yield path.name, path
        elif path.suffix == ".py" and path.stem not in ("__init__", "__main__"):
            yield path.stem, path


def in_fork(name: str, path: Path) -> int:
    """Check a module and all below it in a fork; return the number of problems."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        os._exit(min(check(name, path), 100))
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def check(name: str, path: Path) -> int:
    """Import a module, then all below it, each in a fork; return the number of problems."""
    try:
        module = import_module(name)
    except Exception:
        print(f"{name} cannot be imported first:\n{traceback.format_exc()}", flush=True)
        return 1
    return check_below(module, path) if path.is_dir() else 0


def check_below(package: ModuleType, folder: Path) -> int:
    """Check the submodules of an imported package; return the number of problems."""
    problems = 0
    for name, path in children(folder):
        found = vars(package).get(name)
        if found is not None and found is not sys.modules.get(f"{package.__name__}.{name}"):
            print(f"{package.__name__}.{name} is hidden behind {found!r}", flush=True)
            problems += 1
        if found is None or path.is_dir():
            problems += in_fork(f"{package.__name__}.{name}", path)
    return problems


def main(packages: list[str]) -> int:
    """Check the packages named, or ours."""
    problems = 0
    gc.freeze()
    for name in packages or ("numlean_kernels", "numlean", "numlean_backends"):
        package, folder = ModuleType(name), folder_of(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
        problems += check_below(package, folder)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
