"""Runs of the command line that a page starts: their folders, processes and figures."""
