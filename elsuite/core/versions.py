"""The version of elsuite, and those of the packages that numbers depend on."""

__version__ = "0.1.0"

_PACKAGES = ("networkx", "numpy", "scipy", "scikit-learn", "torch", "xarray", "zarr")


def versions() -> dict[str, str]:
    """Return the versions of elsuite and of the packages that it computes with, those that are installed."""
    from importlib import metadata  # not at the top: the command line starts with this module

    found = {"elsuite": __version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
