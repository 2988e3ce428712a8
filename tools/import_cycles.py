"""Count import cycles: between modules, and between the parts of each package.

Imports within functions count. Imports under ``if TYPE_CHECKING`` do not. The parts of a package
are its ``__init__`` and its direct submodules and subpackages. A part imports another if any of its
modules imports any module of the other. Such a cycle can exist where no module imports itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping

import grimp

PACKAGES = ("numlean", "numlean_backends", "numlean_kernels")

Graph = Mapping[str, set[str]]


def module_graph(packages: Iterable[str]) -> Graph:
    """Return, for each module of the packages, the modules that it imports."""
    first, *others = packages
    graph = grimp.build_graph(first, *others, exclude_type_checking_imports=True, cache_dir=None)
    return {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}


def part_graph(modules: Graph, package: str) -> Graph:
    """Return, for each part of a package, the parts that it imports."""

    def part_of(module: str) -> str:
        rest = module.removeprefix(f"{package}.").partition(".")[0]
        return package if module == package else f"{package}.{rest}"

    inside = [m for m in modules if f"{m}.".startswith(f"{package}.")]
    parts: dict[str, set[str]] = {part_of(m): set() for m in inside}
    for module in inside:
        here = part_of(module)
        parts[here] |= {part_of(m) for m in modules[module] & set(inside)} - {here}
    return parts


def cycles(graph: Graph) -> Iterator[list[str]]:
    """Yield the strongly connected components of more than one node, sorted."""
    reached = {node: _reachable(graph, node) for node in graph}
    left = set(graph)
    while left:
        node = min(left)
        component = {node} | {m for m in reached[node] if node in reached[m]}
        left -= component
        if len(component) > 1:
            yield sorted(component)


def _reachable(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        new = graph[pending.pop()] - found
        found |= new
        pending.extend(new)
    return found


def all_cycles(packages: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each cycle with the level that it was found at."""
    modules = module_graph(packages)
    for cycle in cycles(modules):
        yield "modules", cycle
    with_parts = {m.rpartition(".")[0] for m in modules} - {""}
    for package in sorted(with_parts):
        for cycle in cycles(part_graph(modules, package)):
            yield f"parts of {package}", cycle


def main(packages: list[str]) -> int:
    """Print the cycles and their number; return 1 if there are any."""
    found = list(all_cycles(packages or PACKAGES))
    for level, cycle in found:
        print(f"cycle of {level}: {' <-> '.join(cycle)}")
    print(f"{len(found)} import cycles")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
