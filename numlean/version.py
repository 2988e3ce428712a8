"""The version of the installed distribution."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("numlean")
except PackageNotFoundError:  # a checkout that was not installed; get_scalar says what to do
    __version__ = "unknown"
