"""Runs: start and watch them, and look at what crosschecks and comparisons found."""
