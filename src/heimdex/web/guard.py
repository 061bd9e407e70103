"""Stands before every request: only our own host name, small bodies, and headers that keep a browser honest."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heimdex.web.headers import SECURITY_HEADERS
from heimdex.web.problems import problem

MAX_BODY_BYTES = 64 * 1024
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def host_name(header: str) -> str:
    """Return the name in a Host header without its port: ``[::1]:8765`` gives ``::1``."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: frozenset[str] = LOOPBACK,
        max_body_bytes: int = MAX_BODY_BYTES,
        large_bodies: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Guard ``app``.

        Args:
            large_bodies: address -> most bytes of a body there, where ``max_body_bytes`` is too few.
        """
        self._app = app
        self._hosts = hosts
        self._max_body_bytes = max_body_bytes
        self._large_bodies = large_bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        # a page that rebinds its own name to 127.0.0.1 still sends that name
        if host_name(headers.get("host", "")) not in self._hosts:
            refusal = problem(
                421, "wrong_host", "This server does not answer to that name.", remedy="Use http://127.0.0.1."
            )
            await refusal(scope, receive, send_with_headers)
            return
        limit = self._large_bodies.get(scope["path"], self._max_body_bytes)
        body = await _body(headers, receive, limit)
        if body is None:
            refusal = problem(413, "too_large", f"The body is larger than {limit:,} bytes.", remedy="Send less.")
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, _replay(body, receive), send_with_headers)


async def _body(headers: Headers, receive: Receive, limit: int) -> bytes | None:
    """Return the whole body, or None when it is too large; a false length does not help the sender."""
    if "content-length" not in headers and "transfer-encoding" not in headers:
        return b""
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limit:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def receive_again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
