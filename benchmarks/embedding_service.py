"""The embedding service in its own process: what HTTP, signing and batching cost, and how it bears too much.

    python -m benchmarks.embedding_service [FOLDER] [--seconds N]

Throughput of 16 clients against the bare text graph on ready batches of 32, alternating; latency of an
open loop at half of that; then three times as much as it can do, and what comes after. The service has
one thread for inference, as the bare graph has, so that the load has the other core. Without FOLDER
the model is a stand-in with random weights and the arithmetic of ViT-B/32's text tower.

Two shares are told: of texts a second, and of texts a CPU second of the service's process. The second one
holds on a busy machine too, and counts against the service what a free core would do beside inference.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.open_loop import Sample, open_loop, percentile_ms, statuses
from heimdex.embedding.folder import TEXTUAL_GRAPH, read_clip_folder
from heimdex.embedding.session import tower
from heimdex.embedding.signing import Key, Request, new_nonce, sign
from heimdex.embedding.tokenise import ClipTokeniser
from heimdex.embedding.wire import TEXT_PATH

CLIENTS, BATCH, ROUNDS = 16, 32, 5
DEADLINE_MS = 1500
WORDS = ("red", "blue", "car", "dog", "a", "the")
_LAYERS, _WIDTH = 12, 512


class Asker:
    """Signed requests over connections that are kept; as many at once as are needed."""

    def __init__(self, port: int, key: Key) -> None:
        self._port = port
        self._key = key
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._texts = np.random.default_rng(0)

    async def ask(self) -> int:
        """Embed one text; return the status, 0 without an answer."""
        text = " ".join(self._texts.choice(WORDS, 8))
        body = json.dumps({"texts": [text]}).encode()
        signed = Request("POST", TEXT_PATH.encode(), b"", "application/json", body)
        headers = sign(self._key, signed, timestamp=int(time.time()), nonce=new_nonce())
        lines = [f"POST {TEXT_PATH} HTTP/1.1", "Host: service", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(body)}", f"VS-Deadline-Ms: {DEADLINE_MS}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            reader, writer = await self._connection()
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            return 0
        self._idle.append((reader, writer))
        return int(head.split()[1])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():  # the server hangs up on those that are idle for long
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port)


async def closed_loop(asker: Asker, seconds: float) -> float:
    """Return answered texts a second of `CLIENTS` clients that ask again as soon as they are answered."""
    until = time.perf_counter() + seconds
    answered = 0

    async def client() -> None:
        nonlocal answered
        while time.perf_counter() < until:
            status = await asker.ask()
            answered += status == 200

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return answered / (time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Rate:
    """Texts a second of the clock and of the processor."""

    by_clock: float
    by_cpu: float


async def served(asker: Asker, process: psutil.Process, seconds: float) -> Rate:
    """Return what the service does for `CLIENTS` clients."""
    before, started = sum(process.cpu_times()[:2]), time.perf_counter()
    rate = await closed_loop(asker, seconds)
    answered = rate * (time.perf_counter() - started)
    return Rate(rate, answered / (sum(process.cpu_times()[:2]) - before))


def bare(folder: Path, seconds: float) -> Rate:
    """Return what the graph alone does, on ready batches and one thread."""
    graph = tower(folder / TEXTUAL_GRAPH, 1)
    tokenising = read_clip_folder(folder).tokenising
    tokeniser = ClipTokeniser(folder / "textual/tokenizer.json", tokenising)
    chance = np.random.default_rng(0)
    ids = tokeniser.ids([" ".join(chance.choice(WORDS, 8)) for _ in range(BATCH)], length=graph.input_size(1))
    graph.run({graph.input_names[0]: ids})
    started, cpu, done = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - started < seconds:
        graph.run({graph.input_names[0]: ids})
        done += BATCH
    return Rate(done / (time.perf_counter() - started), done / (time.process_time() - cpu))


@contextmanager
def service(folder: Path, key: Key) -> Iterator[tuple[int, psutil.Process]]:
    """Run `heimdex embed-service` with one thread; yield its port and process once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as data:
        environment = os.environ | {
            "HEIMDEX_DATA_DIR": data, "HEIMDEX_EMBEDDING__MODEL": str(folder), "HEIMDEX_EMBEDDING__THREADS": "1",
            "HEIMDEX_EMBEDDING__KEYS": f"{key.id}:{key.secret.decode()}", "HEIMDEX_LOG__LEVEL": "ERROR",
        }  # fmt: skip
        command = [sys.executable, "-c", "from heimdex.cli.main import main; main()", "embed-service"]
        process = subprocess.Popen([*command, "--port", str(port)], env=environment, stderr=subprocess.DEVNULL)
        try:
            _await_port(process, port)
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the embedding service did not start")


async def measure(folder: Path, seconds: float) -> dict[str, object]:
    """Return the ratios and shares that the module describes."""
    key = Key("bench", secrets.token_hex(20).encode())
    with service(folder, key) as (port, process):
        asker = Asker(port, key)
        await closed_loop(asker, 2)
        pairs = []
        for _ in range(ROUNDS):
            alone = await asyncio.to_thread(bare, folder, seconds / 4)
            pairs.append((alone, await served(asker, process, seconds / 4)))
        peak = max(with_http.by_clock for _, with_http in pairs)
        half = await open_loop(asker.ask, rate=peak / 2, seconds=seconds, seed=1)
        rss_before = process.memory_info().rss
        over = await open_loop(asker.ask, rate=3 * peak, seconds=seconds, seed=2)
        rss_after = process.memory_info().rss
        after = await open_loop(asker.ask, rate=peak / 2, seconds=8, seed=3)
    in_time = [s for s in over if s.status == 200 and s.took_s <= DEADLINE_MS / 1000]
    return {
        "model": folder.name,
        "bare_texts_a_second": round(max(alone.by_clock for alone, _ in pairs), 1),
        "service_texts_a_second": round(peak, 1),
        "service_share_of_bare": _median([with_http.by_clock / alone.by_clock for alone, with_http in pairs]),
        "service_share_of_bare_by_cpu": _median([with_http.by_cpu / alone.by_cpu for alone, with_http in pairs]),
        "half_load": {**_latency(half), "statuses": statuses(half)},
        "overload_3x": {
            **_latency(over),
            "statuses": statuses(over),
            "goodput_share_of_peak": round(len(in_time) / seconds / peak, 3),
            "rss_growth": round(rss_after / rss_before - 1, 4),
        },
        "recovered_after_s": _recovery_s(after, percentile_ms(half, 0.99)),
    }


def _median(shares: list[float]) -> dict[str, object]:
    return {"median": round(statistics.median(shares), 3), "all": [round(share, 3) for share in shares]}


def _latency(samples: list[Sample]) -> dict[str, float]:
    return {f"p{int(100 * share)}_ms": round(percentile_ms(samples, share), 1) for share in (0.5, 0.95, 0.99)}


def _recovery_s(after: list[Sample], usual_p99_ms: float) -> float:
    """Return the first second in which nothing was refused and 95 of 100 kept twice the usual worst latency."""
    for second in range(int(max(s.due_s for s in after)) + 1):
        now = [s for s in after if second <= s.due_s < second + 1]
        if now and all(s.status == 200 for s in now) and percentile_ms(now, 0.95) <= 2 * usual_p99_ms:
            return float(second)
    return float("inf")


def write_stand_in(folder: Path) -> Path:
    """Write a model with random weights whose text tower costs what ViT-B/32's does: 3.1 MFLOP x 2 x 12 a token."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from heimdex.testing.tiny_models import WORDS as VOCABULARY
    from heimdex.testing.tiny_models import write_tiny_clip

    write_tiny_clip(folder, dim=_WIDTH)
    chance = np.random.default_rng(0)
    shapes = {"words": (len(VOCABULARY), _WIDTH), "up": (_WIDTH, 4 * _WIDTH), "down": (4 * _WIDTH, _WIDTH)}
    shapes |= {f"attend{n}": (_WIDTH, _WIDTH) for n in range(4)}
    weights = {n: (chance.standard_normal(s) / np.sqrt(s[0])).astype(np.float32) for n, s in shapes.items()}
    nodes = [helper.make_node("Gather", ["words", "text"], ["x0"])]
    for layer in range(_LAYERS):  # the same weights in every layer: the arithmetic counts, not the size
        names = [f"x{layer}", *(f"a{layer}_{n}" for n in range(4)), f"u{layer}", f"r{layer}", f"d{layer}"]
        steps = [*(f"attend{n}" for n in range(4)), "up"]
        for given, made, weight in zip(names, names[1:], steps, strict=False):
            nodes.append(helper.make_node("MatMul", [given, weight], [made]))
        nodes.append(helper.make_node("Tanh", [f"u{layer}"], [f"r{layer}"]))
        nodes.append(helper.make_node("MatMul", [f"r{layer}", "down"], [f"d{layer}"]))
        nodes.append(helper.make_node("Tanh", [f"d{layer}"], [f"x{layer + 1}"]))
    nodes.append(helper.make_node("ReduceSum", [f"x{_LAYERS}", "axis"], ["embedding"], keepdims=0))
    ids = helper.make_tensor_value_info("text", TensorProto.INT32, ["n", "l"])
    row = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", _WIDTH])
    named = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    named.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    graph = helper.make_graph(nodes, "stand-in", [ids], [row], named)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / TEXTUAL_GRAPH)
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        chosen = asked.folder or write_stand_in(Path(made) / "stand-in")
        print(json.dumps(asyncio.run(measure(chosen, asked.seconds)), indent=2))
