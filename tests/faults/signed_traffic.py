"""Signed requests as bytes on a socket, whole and damaged, and a real server to send them to."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette

from heimdex.embedding.signing import Key, Request, new_nonce, sign

BODY = '{"texts":["red car","빨간 자동차"],"normalize":true}'.encode()
PATH = "/v1/embed/text"
_TYPE = "application/json"


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[int]:
    """Serve over a real socket of this machine; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, log_level="critical", timeout_keep_alive=600)
    )
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running
        listener.close()


def written(key: Key, *, body: bytes = BODY, at: float | None = None) -> tuple[bytes, list[int]]:
    """Return a signed request as it travels, and the places of all bytes that the signature answers for."""
    headers = sign(
        key, Request("POST", PATH.encode(), b"", _TYPE, body), timestamp=int(at or time.time()), nonce=new_nonce()
    )
    parts = [(True, b"POST"), (False, b" "), (True, PATH.encode()), (False, b" HTTP/1.1\r\nHost: service\r\n")]
    parts += [(False, f"Content-Length: {len(body)}\r\n".encode())]
    for name, value in {"Content-Type": _TYPE, **headers}.items():
        parts += [(True, name.encode()), (False, b": "), (True, value.encode()), (False, b"\r\n")]
    parts += [(False, b"\r\n"), (True, body)]
    places: list[int] = []
    at_byte = 0
    for is_signed, part in parts:
        places += range(at_byte, at_byte + len(part)) if is_signed else []
        at_byte += len(part)
    return b"".join(part for _, part in parts), places


def damaged(request: bytes, places: list[int], chance: random.Random) -> bytes:
    """Return the request with one of its signed bytes changed into another that means something else."""
    changed = bytearray(request)
    place = chance.choice(places)
    in_head = place < request.index(b"\r\n\r\n")
    # HTTP does not tell the case of a header's name; a name is what stands before a colon
    line_end = request.find(b"\r\n", place)
    is_name = in_head and b": " in request[place:line_end]
    while True:
        value = chance.randrange(256)
        same = bytes([value]).lower() == request[place : place + 1].lower() if is_name else value == request[place]
        if not same:
            changed[place] = value
            return bytes(changed)


class Sender:
    """One connection after the other: a server closes those on which it was sent nonsense."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def status(self, request: bytes) -> int:
        """Send and return the status of the answer; 0 when the server hangs up without one."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
            await reader.readexactly(int(fields.get(b"content-length", b"0")))
            if fields.get(b"connection") == b"close" or head.split()[1] not in (b"200", b"401"):
                self.close()
            return int(head.split()[1])
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return 0

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def sent_alone(port: int, request: bytes) -> int:
    """Return the status of one request on a connection of its own."""
    sender = Sender(port)
    try:
        return await sender.status(request)
    finally:
        sender.close()
