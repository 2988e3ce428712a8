"""The product of two binary fractions of a few words: one function in each kernel, called.

It has code without loops for each number of words up to ``MOST_WORDS``.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from numlean_kernels.limbs.fixed_words import PLACE, WORD, load_words, store_words, upper_product_of
from numlean_kernels.targets.cache.kernel_cache import SHARED_PREFIX

MOST_WORDS: Final = 11
_NAME: Final = f"{SHARED_PREFIX}fraction_product_{MOST_WORDS}"


def _function(module: ir.Module) -> ir.Function:
    """Return the function ``f(x, y, m, z)`` of a module; it is written at its first use."""
    if _NAME in module.globals:
        return module.globals[_NAME]
    address = WORD.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), (address, address, WORD, address))
    function = ir.Function(module, kind, _NAME)
    function.linkage = "linkonce_odr"  # one for all routines that a kernel links
    function.attributes.add("noinline")
    x, y, m, z = function.args
    builder = ir.IRBuilder(function.append_basic_block())
    end = function.append_basic_block()
    choice = builder.switch(m, end)
    for count in range(1, MOST_WORDS + 1):
        block = function.append_basic_block()
        choice.add_case(WORD(count), block)
        builder.position_at_end(block)
        words = upper_product_of(
            builder, load_words(builder, x, count), load_words(builder, y, count)
        )
        store_words(builder, words, builder.gep(z, [ir.IntType(64)(-1)]))
        builder.branch(end)
    builder.position_at_end(end)
    builder.ret_void()
    return function


@intrinsic  # type: ignore[untyped-decorator]
def put_short_product(
    typing_context: Any, x: Any, xo: Any, y: Any, yo: Any, m: Any, z: Any, zo: Any
) -> Any:
    """Write the product of fractions of m words, up to ``MOST_WORDS``; z may be x or y.

    z has a word more below, at ``zo - 1``. Products of words that count less are left out.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, xo, y, yo, m, z, zo = arguments
        places = (builder.gep(words, [place]) for words, place in ((x, xo), (y, yo)))
        builder.call(_function(builder.module), [*places, m, builder.gep(z, [zo])])
        return context.get_dummy_value()

    words = (PLACE, types.uint64)
    return types.void(*words, *words, types.uint64, *words), generate
