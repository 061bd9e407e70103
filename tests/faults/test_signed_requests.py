"""Nothing altered and nothing repeated is believed, and keys change while requests run."""

from __future__ import annotations

import asyncio
import collections
import random
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.faults.signed_traffic import Sender, damaged, sent_alone, served, written

from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.server import create_embedding_app
from heimdex.embedding.signing import Key
from heimdex.testing.command_line import CommandLine
from heimdex.testing.tiny_models import write_tiny_clip

OLD, NEW = Key("old", b"o" * 32), Key("new", b"n" * 32)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalEmbedder:
    return LocalEmbedder(write_tiny_clip(tmp_path_factory.mktemp("m") / "tiny"), threads=1)


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.slow)])
async def test_no_altered_byte_is_accepted_and_none_breaks_the_service(local: LocalEmbedder, count: int) -> None:
    statuses: collections.Counter[int] = collections.Counter()
    chance = random.Random(20_260_101)

    async def send(port: int, share: int) -> None:
        sender = Sender(port)
        for _ in range(share):
            request, places = written(OLD)
            status = await asyncio.wait_for(sender.status(damaged(request, places, chance)), 30)
            statuses[status] += 1
        sender.close()

    async with served(create_embedding_app(local, [OLD])) as port:
        await asyncio.gather(*(send(port, count // 10) for _ in range(10)))
        whole = [await sent_alone(port, written(OLD)[0]) for _ in range(3)]

    print(dict(statuses))
    assert whole == [200] * 3, "the requests that were altered are good ones"
    assert sum(statuses.values()) == count
    assert statuses[200] == 0
    assert {status for status in statuses if status >= 500} == set()
    assert statuses[401] > 0.5 * count, "most reach the signature"


async def test_a_thousand_replays_are_refused(local: LocalEmbedder) -> None:
    async with served(create_embedding_app(local, [OLD, NEW])) as port:
        requests = [written(key)[0] for key in (OLD, NEW) for _ in range(5)]
        sender = Sender(port)
        first = [await sender.status(request) for request in requests]
        senders = [Sender(port) for _ in range(10)]
        again: list[int] = []
        for _ in range(100):
            again += await asyncio.gather(*(s.status(r) for s, r in zip(senders, requests, strict=True)))
        for one in [sender, *senders]:
            one.close()

    assert first == [200] * 10
    assert again == [401] * 1_000


async def test_of_one_request_sent_many_times_at_once_one_is_answered(local: LocalEmbedder) -> None:
    async with served(create_embedding_app(local, [OLD])) as port:
        request = written(OLD)[0]
        senders = [Sender(port) for _ in range(20)]
        statuses = await asyncio.gather(*(sender.status(request) for sender in senders))
        for sender in senders:
            sender.close()

    assert sorted(statuses) == [200] + [401] * 19


async def test_keys_rotate_under_load_without_a_failed_request(local: LocalEmbedder) -> None:
    app = create_embedding_app(local, [OLD])
    stop = asyncio.Event()
    answered: collections.Counter[str] = collections.Counter()

    async def load(client: HttpEmbedder, key: str) -> None:
        while not stop.is_set():
            rows = await client.embed_texts([f"red car {answered[key]}"], timeout_s=30)  # raises when refused
            assert rows.shape == (1, local.model.dim)
            answered[key] += 1

    async def more(key: str) -> None:
        target = answered[key] + 50
        async with asyncio.timeout(60):
            while answered[key] < target:  # noqa: ASYNC110 - the load tells by counting
                await asyncio.sleep(0.005)

    async with served(app) as port:
        url = f"http://127.0.0.1:{port}"
        # without retries: a refusal would show
        old, new = (HttpEmbedder(url, [key], max_retries=0) for key in (OLD, NEW))
        first = [asyncio.ensure_future(load(old, "old")) for _ in range(4)]
        await more("old")
        app.state.gate.use([NEW, OLD])  # 1. the service believes both
        second = [asyncio.ensure_future(load(new, "new")) for _ in range(4)]  # 2. clients change, one by one
        await more("new")
        await more("old")
        for task in first:
            task.cancel()
        await asyncio.wait(first)
        app.state.gate.use([NEW])  # 3. the old one goes
        await more("new")
        stop.set()
        await asyncio.gather(*second)
        for task in first:
            assert task.cancelled()
        for client in (old, new):
            await client.aclose()


async def test_a_key_that_went_is_refused_at_once(local: LocalEmbedder) -> None:
    app = create_embedding_app(local, [NEW, OLD])
    async with served(app) as port:
        sender = Sender(port)
        assert await sender.status(written(OLD)[0]) == 200
        app.state.gate.use([NEW])
        assert await sender.status(written(OLD)[0]) == 401
        sender.close()


async def test_a_process_takes_new_keys_on_a_signal(tmp_path: Path) -> None:
    folder = write_tiny_clip(tmp_path / "models" / "tiny")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    toml = tmp_path / "heimdex.toml"
    toml.write_text(f'[embedding]\nkeys = "old:{"o" * 32}"\nmodel = "{folder}"\n')
    process = CommandLine(tmp_path).start("embed-service", "--port", str(port))
    try:
        await _until(port, written(OLD)[0], 200)
        toml.write_text(f'[embedding]\nkeys = "short:secret"\nmodel = "{folder}"\n')
        process.send_signal(signal.SIGHUP)  # a slip keeps the present keys
        await asyncio.sleep(0.5)
        assert await sent_alone(port, written(OLD)[0]) == 200
        toml.write_text(f'[embedding]\nkeys = "new:{"n" * 32}"\nmodel = "{folder}"\n')
        process.send_signal(signal.SIGHUP)
        await _until(port, written(NEW)[0], 200)
        assert await sent_alone(port, written(OLD)[0]) == 401
    finally:
        process.terminate()
        process.communicate()


async def _until(port: int, request: bytes, status: int) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        try:
            if await sent_alone(port, request) == status:
                return
        except OSError:
            pass
        request = written(NEW if b"VS-Key-Id: new" in request else OLD)[0]
        await asyncio.sleep(0.1)
    raise AssertionError(f"no {status} within a minute")
