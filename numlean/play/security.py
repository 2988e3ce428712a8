"""Who may talk to the server: the browser that was given the token, from the server's own pages.

Every request passes a ``Gate``:

- its ``Host`` must be the server's own address, so that a name which another site points at
  127.0.0.1 (DNS rebinding) reaches nothing;
- an ``Origin`` must be the server's own, so that no other site can post or fetch, and what is not
  only read must have one;
- it must carry the cookie that was given in exchange for the token of the printed address.

The cookie is exchanged by a page that refreshes itself, not by a redirect: browsers do not send a
``SameSite=Strict`` cookie along a redirect that another site began.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from numlean.pages.html import document, element

_TOKEN: Final = "token"
_READING: Final = ("GET", "HEAD")
_BYTES: Final = 32

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
"""The headers of every response."""


@dataclass
class Keys:
    """The secrets of one server.

    Attributes:
        token: The token of the printed address, which may be used again, as in another browser.
        single: The token of the address that a browser is started with. It works once, because
            other users of the machine may see the arguments of a program.
        cookie: The value of the cookie.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES))
    single: str | None = field(default_factory=lambda: secrets.token_urlsafe(_BYTES))
    cookie: str = field(default_factory=lambda: secrets.token_urlsafe(_BYTES))

    def accept_token(self, text: str) -> bool:
        """Return whether a text is a valid token; the one that works once becomes invalid."""
        if self.single is not None and _equal(text, self.single):
            self.single = None
            return True
        return _equal(text, self.token)

    def accept_cookie(self, text: str) -> bool:
        """Return whether a text is the cookie's value."""
        return _equal(text, self.cookie)


@dataclass(frozen=True)
class Gate:
    """An application behind the checks.

    Attributes:
        app: The application.
        keys: The secrets.
        port: The port of the server.
    """

    app: ASGIApp
    keys: Keys
    port: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = self._answer(scope) or self.app
        await answer(scope, receive, send_with_headers)

    @property
    def _hosts(self) -> tuple[str, ...]:
        return f"127.0.0.1:{self.port}", f"localhost:{self.port}"

    @property
    def cookie_name(self) -> str:
        """The cookie's name. Cookies do not know ports, so that it contains the port."""
        return f"numlean_play_{self.port}"

    def _answer(self, scope: Scope) -> Response | None:
        """Return the refusal of a request or the cookie for its token; None if it may pass."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _refusal("the Host header is not the address of this server")
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return _refusal("the request comes from another origin")
        if scope["method"] not in _READING and not origins:
            return _refusal("the request does not say from which origin it comes")
        tokens = _tokens(scope)
        if tokens and scope["path"] == "/":
            if len(tokens) == 1 and self.keys.accept_token(tokens[0]):
                return self._welcome()
            return _refusal("the token is wrong, or was used before: open the printed address")
        if not self._has_cookie(headers.getlist("cookie")):
            return _refusal("open the address that `numlean play` printed, which has the token")
        return None

    def _welcome(self) -> Response:
        head = element("meta", http_equiv="refresh", content="0; url=/")
        body = element("p", element("a", "numlean play", href="/"))
        response = HTMLResponse(document("numlean play", head, body))
        response.set_cookie(
            self.cookie_name, self.keys.cookie, path="/", httponly=True, samesite="strict"
        )
        return response

    def _has_cookie(self, headers: Iterable[str]) -> bool:
        pairs = (part.strip().partition("=") for each in headers for part in each.split(";"))
        return any(
            name == self.cookie_name and self.keys.accept_cookie(value) for name, _, value in pairs
        )


def _tokens(scope: Scope) -> list[str]:
    query = scope["query_string"].decode("latin-1")
    return parse_qs(query, keep_blank_values=True).get(_TOKEN, []) if _TOKEN in query else []


def _refusal(reason: str) -> Response:
    return PlainTextResponse(f"403: {reason}\n", status_code=403)


def _equal(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode("utf-8", "replace"), other.encode())
