"""Routines compiled for the kernels that inline them, and for nothing else.

numba gives each compiled function machine code of its own and two wrappers: one to call it from
Python, one to call it from C. Kernels link a routine's LLVM code instead, so for routines all
three are waste, and they take half of the time to compile a kernel. Here numba types and lowers a
routine as it does any function, and leaves it as LLVM code. LLVM optimises the kernel as a whole,
once, and not each routine with all that it calls before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

from numba import _dynfunc, njit
from numba.core import untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.registry import CPUDispatcher
from numba.core.typed_passes import DumpParforDiagnostics, NativeLowering

_OPTIONS: Final = {"error_model": "numpy", "forceinline": True}
"""Division by zero is arithmetic here. A call in a loop would prevent vector code."""

_NEVER_NEEDED: Final = frozenset(
    {
        untyped_passes.WithLifting,
        untyped_passes.InlineClosureLikes,
        untyped_passes.RewriteDynamicRaises,
        untyped_passes.MakeFunctionToJitFunction,
        untyped_passes.FindLiterallyCalls,
        untyped_passes.LiteralUnroll,
        untyped_passes.LiteralPropagationSubPipelinePass,
        DumpParforDiagnostics,
    }
)
"""Passes for statements that routines do not contain: each would only search the code for them."""


class InlinedRoutine(CPUDispatcher):  # type: ignore[misc]
    """A routine as numba's kernels see it; a call from Python compiles it as usual."""

    def __init__(self, function: Callable[..., Any]) -> None:
        options = {"nopython": True, "boundscheck": None, **_OPTIONS}
        super().__init__(function, targetoptions=options, pipeline_class=_Compiler)

    def __call__(self, *arguments: Any) -> Any:
        """Run the routine on numbers of Python."""
        return self._called_from_python(*arguments)

    @cached_property
    def _called_from_python(self) -> Callable[..., Any]:
        return njit(**_OPTIONS)(self.py_func)  # type: ignore[no-any-return]


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """LLVM code to link into other code, as numba emitted it.

    It is neither optimised nor handed to the engine that emits machine code.
    """

    def _optimize_final_module(self) -> None:
        """Leave the code as it is."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(NativeLowering):  # type: ignore[misc]
    """Lower a routine to LLVM code without wrappers."""

    _name = "routine_lowering"

    def run_pass(self, state: Any) -> bool:
        """Lower the function of a compilation, and let other functions link it."""
        context, flags = state.targetctx, state.flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        state.library = _Library(context.codegen(), state.func_id.func_qualname)
        super().run_pass(state)
        lowered = state["cr"]
        # numba finds the code of a callee by this object. InlinedRoutine never calls it.
        name = lowered.fndesc.qualname.split(".")[-1]
        key = _dynfunc.make_function(
            lowered.fndesc.lookup_module(), name, "", 0, lowered.env, (state.library,)
        )
        context.insert_user_function(key, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=key)
        return True


class _Compiler(CompilerBase):  # type: ignore[misc]
    """numba's passes, with the lowering of routines and without passes they do not need."""

    def define_pipelines(self) -> list[PassManager]:
        """Return the passes, in numba's order."""
        stages = (
            DefaultPassBuilder.define_untyped_pipeline,
            DefaultPassBuilder.define_typed_pipeline,
            DefaultPassBuilder.define_nopython_lowering_pipeline,
        )
        passes = PassManager("routine")
        for stage in stages:
            for kind, description in stage(self.state).passes:
                if kind not in _NEVER_NEEDED:
                    passes.add_pass(_Lowering if kind is NativeLowering else kind, description)
        passes.finalize()
        return [passes]
