"""Formats: their numbers, precision, constants and conversions."""
