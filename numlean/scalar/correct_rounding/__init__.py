"""Elementary functions, correctly rounded to any format, from mpmath's enclosures."""

from numlean.scalar.correct_rounding.arrays import compute

__all__ = ["compute"]
