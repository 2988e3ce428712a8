"""Kernels by several threads: a domain is cut into parts, and threads that wait compute them.

``partition`` cuts a domain, ``pool`` has the threads, ``launch`` runs kernels from Python in parts,
and ``atomics`` has the instructions by which threads agree. Each cell of a result is computed by
one thread, as by a single one, so no bit depends on the number of threads.
"""
