"""PTX without a GPU: compile kernels to it, read it, assemble it and execute it."""
