"""Many runs, and one run on many machines: sweeps over recipes on a Dask cluster."""
