"""Compare runs: in lockstep bit by bit, by their errors, and function by function."""
