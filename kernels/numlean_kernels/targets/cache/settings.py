"""The settings of numba that can change machine code, as a part of a kernel's key.

Everything counts that is not known to be without effect, so that a setting of a later version
counts as well.
"""

from __future__ import annotations

from types import ModuleType
from typing import Final

_WITHOUT_EFFECT: Final = frozenset(
    {
        # Messages
        *("COLOR_SCHEME", "SHOW_HELP", "FULL_TRACEBACKS", "DEVELOPER_MODE", "GDB_BINARY"),
        *("DISABLE_PERFORMANCE_WARNINGS", "ALWAYS_WARN_UNINIT_VAR", "DEBUG_CACHE"),
        *("CUDA_LOG_LEVEL", "CUDA_LOG_API_ARGS", "CUDA_LOG_SIZE", "CUDA_VERBOSE_JIT_LOG"),
        *("CUDA_LOW_OCCUPANCY_WARNINGS", "CUDA_WARN_ON_IMPLICIT_COPY"),
        # Places
        *("CACHE_DIR", "CACHE_LOCATOR_CLASSES", "CUDA_DRIVER"),
        # Threads and memory
        *("NUMBA_NUM_THREADS", "NUMBA_DEFAULT_NUM_THREADS", "FUNCTION_CACHE_SIZE"),
        *("THREADING_LAYER", "THREADING_LAYER_PRIORITY"),
        *("CUDA_DEALLOCS_COUNT", "CUDA_DEALLOCS_RATIO", "CUDA_ARRAY_INTERFACE_SYNC"),
        # Choices of a device
        *("ENABLE_CUDASIM", "DISABLE_CUDA"),
    }
)


def machine_code_settings(config: ModuleType, *, cuda: bool) -> str:
    """Return the settings as text.

    Args:
        config: numba's module of settings, or numba-cuda's, read from the environment again, as
            the compiler does.
        cuda: Include the settings of CUDA.
    """
    config.reload_config()
    return " ".join(
        f"{name}={value!r}"
        for name, value in sorted(vars(config).items())
        if name.isupper()
        and name not in _WITHOUT_EFFECT
        and (cuda or not name.startswith(("CUDA_", "FORCE_CUDA_")))
    )
