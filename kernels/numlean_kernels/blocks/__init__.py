"""Block formats: numbers that share scales, as data, routines and loops."""
