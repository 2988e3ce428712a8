"""The views of the server."""
