"""Numbers and operations, side by side in several formats."""
