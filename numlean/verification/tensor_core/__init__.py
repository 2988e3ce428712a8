"""Record what a real tensor core computes: test vectors executed by the PTX instruction ``mma``."""

from numlean.verification.tensor_core.gpu import LIBRARIES, Gpu, find_gpu
from numlean.verification.tensor_core.instructions import instruction_for
from numlean.verification.tensor_core.kernel import kernel_ptx
from numlean.verification.tensor_core.recording import Recording, record

__all__ = [
    "LIBRARIES",
    "Gpu",
    "Recording",
    "find_gpu",
    "instruction_for",
    "kernel_ptx",
    "record",
]
