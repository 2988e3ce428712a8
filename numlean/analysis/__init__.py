"""Compare runs: bit by bit in lockstep, by their errors, and function by function."""
