"""A device for numba to compile for, where there is none."""


class PretendedDevice:
    """numba asks the current device for this while it compiles; there need be none."""

    def __init__(self, capability):
        self.compute_capability = capability
