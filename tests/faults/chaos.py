"""A proxy before a real embedding service that spoils the connection or the answer in one chosen way.

What it changes in an answer it signs anew with the service's key, so that each check behind the
signature is met too.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from heimdex.embedding.signing import Key, sign_response

#: a fault that lasts, lasts this long; every deadline in a test is far below
LONG_S = 30.0


@dataclass
class Exchange:
    """One request that reached the proxy, and where its answer goes."""

    proxy: ChaosProxy
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    path: str = ""
    head: bytes = b""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    async def read(self) -> bool:
        """Read the request; False when the client sent none."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            self.head = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = self.head.decode("latin-1").split("\r\n")
            self.path = first.split(" ")[1]
            self.headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
            self.body = await self.reader.readexactly(int(self.headers.get("content-length", "0")))
            return True
        return False

    async def upstream(self) -> tuple[bytes, bytes]:
        """Return head and body of the real service's answer."""
        reader, writer = await asyncio.open_connection(*self.proxy.upstream)
        try:
            writer.write(self.head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + self.body)
            head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
            return head + b"\r\n\r\n", body
        finally:
            writer.close()

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()

    async def reply(self, status: int, body: bytes, **headers: str) -> None:
        """Answer with ``status``, signed."""
        signature = sign_response(self.proxy.key, nonce=self.headers.get("vs-nonce", ""), status=status, body=body)
        lines = {"Content-Length": str(len(body)), "VS-Signature": signature, "Content-Type": "application/json"}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{n}: {v}\r\n" for n, v in lines.items()) + "\r\n"
        await self.send(head.encode(), body)

    async def hang_up(self, *, reset: bool = False) -> None:
        """End the connection; with ``reset`` the client's next read fails instead of finding the end."""
        if reset:
            connection: socket.socket = self.writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
        self.writer.close()


Fault = Callable[[Exchange], Awaitable[None]]


async def healthy(exchange: Exchange) -> None:
    await exchange.send(*await exchange.upstream())


async def blackhole(exchange: Exchange) -> None:
    await asyncio.sleep(LONG_S)
    await exchange.hang_up()


async def slow(exchange: Exchange) -> None:
    head, body = await exchange.upstream()
    await asyncio.sleep(LONG_S)
    await exchange.send(head, body)


async def dripping(exchange: Exchange) -> None:
    """Send a byte at a time: each read of the client succeeds soon, the whole takes `LONG_S`."""
    head, body = await exchange.upstream()
    await exchange.send(head)
    for at in range(len(body)):
        await exchange.send(body[at : at + 1])
        await asyncio.sleep(LONG_S / len(body))


async def reset(exchange: Exchange) -> None:
    head, body = await exchange.upstream()
    await exchange.send(head, body[: len(body) // 2])
    await exchange.hang_up(reset=True)


async def truncated(exchange: Exchange) -> None:
    head, body = await exchange.upstream()
    await exchange.send(head, body[: len(body) // 2])
    await exchange.hang_up()


async def noise(exchange: Exchange) -> None:
    await exchange.send(bytes(range(128, 256)))
    await exchange.hang_up()


async def garbage(exchange: Exchange) -> None:
    await exchange.reply(200, b"<html>It works!</html>")


async def unsigned(exchange: Exchange) -> None:
    head, body = await exchange.upstream()
    await exchange.send(b"\r\n".join(line for line in head.split(b"\r\n") if b"signature" not in line.lower()), body)


async def tampered(exchange: Exchange) -> None:
    head, body = await exchange.upstream()
    await exchange.send(head, body.replace(b'"embeddings":[[', b'"embeddings":[[1', 1)[:-1])


def status(number: int, **headers: str) -> Fault:
    """Return the fault that answers with an error of the service."""

    async def answer(exchange: Exchange) -> None:
        await exchange.reply(number, json.dumps({"code": "told", "detail": "as the test wants"}).encode(), **headers)

    return answer


def changed(change: Callable[[dict[str, Any]], None]) -> Fault:
    """Return the fault that changes the answer and signs it with the right key."""

    async def answer(exchange: Exchange) -> None:
        _, body = await exchange.upstream()
        content = json.loads(body)
        change(content)
        await exchange.reply(200, json.dumps(content).encode())

    return answer


def _vector(make: Callable[[list[float]], Sequence[float]]) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update(embeddings=[make(row) for row in content.get("embeddings", ())])


FAULTS: dict[str, Fault] = {
    "down": blackhole,  # never used: the listener is closed
    "blackhole": blackhole,
    "slow": slow,
    "dripping": dripping,
    "reset": reset,
    "truncated": truncated,
    "noise": noise,
    "garbage": garbage,
    "unsigned": unsigned,
    "tampered": tampered,
    "dimension": changed(_vector(lambda row: [*row, 0.0])),
    "nan": changed(_vector(lambda row: [float("nan"), *row[1:]])),
    "zero": changed(_vector(lambda row: [0.0] * len(row))),
    "long": changed(_vector(lambda row: [2 * value for value in row])),
    "model": changed(lambda content: content.update(model="another")),
    "revision": changed(lambda content: content.update(revision="another")),
    "401": status(401),
    "429": status(429),
    "429 later": status(429, Retry_After="60"),
    "500": status(500),
    "503": status(503),
}


class ChaosProxy:
    """Listens on one port of this machine for as long as it is entered."""

    def __init__(self, upstream: tuple[str, int], key: Key) -> None:
        self.upstream = upstream
        self.key = key
        #: paths of the requests that came, whatever became of them
        self.asked: list[str] = []
        #: how many answers were given to their end
        self.finished = 0
        self.running: set[asyncio.Task[None]] = set()
        self._fault: Fault = healthy
        self._spoils = 0
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def heal(self) -> None:
        self._fault = healthy
        await self._listen()

    async def spoil(self, name: str, *, times: int = 1_000_000_000) -> None:
        """Meet the next ``times`` requests with the fault called ``name``, then be healthy."""
        await self._listen()
        self._fault, self._spoils = FAULTS[name], times
        if name == "down":
            await self._close()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, reuse_address=True)
            self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in tuple(self.running):
                task.cancel()
            await asyncio.gather(*self.running, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        try:
            await self._meet_all(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client gave up, or the test did
        finally:
            self.running.discard(task)
            writer.close()

    async def _meet_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            exchange = Exchange(self, reader, writer)
            if self._fault is not blackhole and not await exchange.read():
                return
            self.asked.append(exchange.path)
            fault = self._fault if self._spoils > 0 else healthy
            self._spoils -= 1
            await fault(exchange)
            self.finished += 1


@asynccontextmanager
async def chaos_proxy(upstream: tuple[str, int], key: Key) -> AsyncIterator[ChaosProxy]:
    proxy = ChaosProxy(upstream, key)
    await proxy.heal()
    try:
        yield proxy
    finally:
        await proxy._close()
