"""Elementary functions, correctly rounded to any format, from mpmath's enclosures."""

from numlean.correct_rounding.arrays import compute

__all__ = ["compute"]
