"""The elementary functions, passed to the inner Scalar."""

from __future__ import annotations

from numlean.scalar.elementary import ElementaryFunctions, check_name
from numlean.scalar.flags import Flags
from numlean.scalar.protocol import Storage
from numlean.scalar.wrappers.forwarding.hook import Hooked


class ForwardedElementaryFunctions(Hooked, ElementaryFunctions):
    """See :class:`numlean.scalar.elementary.ElementaryFunctions`."""

    def elementary(self, name: str, *operands: Storage, flags: Flags | None = None) -> Storage:
        """Pass the function of that name to the hook.

        Raises:
            UnknownNameError: There is no elementary function of that name.
        """
        check_name(name)
        z: Storage = self._pass(name, getattr(self.inner, name), *operands, flags=flags)
        return z
