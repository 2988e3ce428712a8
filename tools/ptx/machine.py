"""Execute PTX, the code that NVVM generates for kernels, thread by thread without a GPU.

The machine is stricter than a GPU. It refuses to read or write anything but whole elements of the
arrays of a launch, to read shared memory or a register that nothing was written to, to have two
threads write one element, and to let some threads of a block end, or wait at another barrier, while
others wait at one. Threads run in one order and in the other between barriers, and so do blocks:
where results depend on it, threads race.
"""

from itertools import product

from ptx.instructions import mask
from ptx.memory import SIZES, AccessError, Cells, Memory, check_disjoint
from ptx.translation import Translation


class Kernel:
    """A kernel given as PTX."""

    def __init__(self, text):
        self._code = Translation(text)

    def run(self, blocks, threads, words, arrays):
        """Run all threads of a launch, in one order and in the other.

        Args:
            blocks: The numbers of blocks along x, y and z.
            threads: The number of threads of each block.
            words: The kernel's arguments.
            arrays: The arrays whose addresses are among the arguments.

        Raises:
            AccessError: A thread made a forbidden access, or results depend on the order.
        """
        ascending, descending = (
            self._results(blocks, threads, words, Memory(arrays), step) for step in (1, -1)
        )
        if ascending != descending:
            raise AccessError("the threads race: results depend on their order")
        ascending.write_back()

    def _results(self, blocks, threads, words, memory, step):
        code = self._code
        spaces = (memory.cells, code.constants, code.permitted)
        cells = [space[size] for space in spaces for size in SIZES]
        words = [word & mask(64) for word in words]
        assert len(words) == code.parameters
        run = code.make(*words, *threads, *blocks, {}, *cells)
        for block in _places(blocks)[::step]:
            shared = [Cells(size) for size in SIZES]
            places = _places(threads)[::step]
            try:
                started = [run((*block, *place), *block, *place, *shared) for place in places]
                if "bar.sync" in code.opcodes:
                    _step_by_step(started)
                check_disjoint(shared)
            except NameError as error:
                raise AccessError(
                    f"a register is read that nothing was written to: {error}"
                ) from error
        return memory


def _places(extents):
    """Yield indices; x varies fastest."""
    return [place[::-1] for place in product(*map(range, extents[::-1]))]


def _step_by_step(threads):
    waiting = {None}
    while waiting != {"end"}:
        waiting = {next(thread, "end") for thread in threads}
        if len(waiting) > 1:
            raise AccessError(f"threads of a block wait at different barriers: {waiting}")
