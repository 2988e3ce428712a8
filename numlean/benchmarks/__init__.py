"""The measurements of ``numlean bench``: dtypes and libraries compared in one run."""
