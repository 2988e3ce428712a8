"""A Scalar with replaced operations, in which the conformance suite must find the fault."""

from numlean import get_scalar


class Faulty:
    """A Scalar one of whose operations is replaced."""

    def __init__(self, dtype, **replaced):
        self.inner = get_scalar(dtype, "python")
        self.replaced = replaced

    def __getattr__(self, name):
        return self.replaced.get(name) or getattr(self.inner, name)

    def with_reset_stream(self):
        return self

    def __eq__(self, other):
        return isinstance(other, type(self))

    def __hash__(self):
        return hash(self.inner)
