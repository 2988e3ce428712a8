"""The versions of this distribution and of others."""

from importlib.metadata import PackageNotFoundError, version


def version_of(package: str) -> str | None:
    """Return the version of an installed distribution; None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


__version__ = version_of("numlean") or "unknown"
"""The installed version; "unknown" for a checkout that was not installed, as get_scalar says."""
