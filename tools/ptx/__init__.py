"""PTX without a GPU: compiles kernels to it, reads it, assembles it and executes it."""
