"""A server, an embedding service and a real Prometheus over one small library, and ways to break each."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from heimdex.embedding.signing import Key, Request, new_nonce, sign
from heimdex.testing.clips import Shot, picture, play, write_clip
from heimdex.testing.command_line import CommandLine

RULES = Path(__file__).resolve().parents[2] / "ops/prometheus/heimdex.rules.yml"
SECRET = "rehearsal-rehearsal-rehearsal-42"
_PATIENCE_S = 120.0


def hurried(rules: str) -> str:
    """Return the rules with minutes made seconds, and with counts that a rehearsal can reach."""
    hurried = re.sub(r"\[1h\]", "[30s]", rules)
    hurried = re.sub(r"\[\d+m\]", "[15s]", hurried)
    hurried = re.sub(r"for: \w+", "for: 4s", hurried)
    hurried = hurried.replace("offset 1h", "offset 30s").replace("interval: 30s", "interval: 1s")
    for asked, reached in (("> 3600", "> 3"), ("> 80000", "> 150"), (">= 20", ">= 5")):
        assert asked in hurried
        hurried = hurried.replace(asked, reached)
    return hurried


@dataclass
class Stage:
    """Where the rehearsal takes place."""

    folder: Path
    delay_s: float = 0.0
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    searches: int = 0

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def command_line(self, **settings: str) -> CommandLine:
        address = {"CLIP_RUNPOD_URL": f"http://127.0.0.1:{self.ports['proxy']}", "CLIP_RUNPOD_SECRET": SECRET}
        return CommandLine(self.data, address | {"CLIP_TEXT_EMBEDDING_TIMEOUT_S": "4"} | settings)

    def start_embedding(self) -> None:
        own = CommandLine(self.folder / "service", {"CLIP_RUNPOD_SECRET": SECRET})
        self.running["embed"] = own.start("embed-service", "--port", str(self.ports["embed"]))

    def start_server(self, **settings: str) -> None:
        self.running["server"] = self.command_line(**settings).start("serve", "--port", str(self.ports["server"]))

    def start_prometheus(self) -> None:
        (self.folder / "rules.yml").write_text(hurried(RULES.read_text()))
        jobs = {"heimdex": self.ports["server"], "heimdex-embed": self.ports["embed"]}
        targets = "".join(
            f"  - {{job_name: {job}, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}\n"
            for job, port in jobs.items()
        )
        (self.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 1s}\n"
            f"rule_files: [rules.yml]\nscrape_configs:\n{targets}"
        )
        program = shutil.which("prometheus")
        assert program
        self.running["prometheus"] = subprocess.Popen(
            [program, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/tsdb",
             f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}", "--log.level=error"],
            text=True,
        )  # fmt: skip

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        process = self.running.pop(name)
        process.send_signal(number)
        process.communicate(timeout=60)

    def databases(self) -> list[psutil.Process]:
        """Return the processes of the library's own PostgreSQL."""
        pid = int((self.data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        postmaster = psutil.Process(pid)
        return [postmaster, *postmaster.children(recursive=True)]

    async def search(self, mode: str, query: str = "red car") -> int:
        """Search for what nobody searched before; return the status."""
        self.searches += 1
        body = {"query": f"{query} {self.searches}", "mode": mode}
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(f"http://127.0.0.1:{self.ports['server']}/search", json=body)
        return answer.status_code

    async def embed(self) -> int:
        """Ask the embedding service itself."""
        body = b'{"text":"red car"}'
        signed = Request("POST", b"/v1/embed/text", b"", "application/json", body)
        headers = sign(Key("default", SECRET.encode()), signed, timestamp=int(time.time()), nonce=new_nonce())
        async with httpx.AsyncClient(timeout=60) as client:
            url = f"http://127.0.0.1:{self.ports['embed']}/v1/embed/text"
            answer = await client.post(url, content=body, headers=headers | {"Content-Type": "application/json"})
        return answer.status_code

    async def firing(self) -> set[str]:
        """Return the alerts that fire now."""
        async with httpx.AsyncClient(timeout=30) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/alerts")
        return {a["labels"]["alertname"] for a in answer.json()["data"]["alerts"] if a["state"] == "firing"}

    async def see(self, *alerts: str, while_doing: Callable[[], Awaitable[object]] | None = None) -> None:
        """Wait until all of these fire."""
        await self._until(lambda now: set(alerts) <= now, f"{alerts} to fire", while_doing)

    async def see_clear(self, *alerts: str, while_doing: Callable[[], Awaitable[object]] | None = None) -> None:
        """Wait until none of these fires."""
        await self._until(lambda now: not set(alerts) & now, f"{alerts} to clear", while_doing)

    async def _until(
        self, holds: Callable[[set[str]], bool], what: str, doing: Callable[[], Awaitable[object]] | None
    ) -> None:
        give_up = time.monotonic() + _PATIENCE_S
        now: set[str] = set()
        while time.monotonic() < give_up:
            if doing is not None:
                await doing()
            with contextlib.suppress(httpx.HTTPError):
                now = await self.firing()
                if holds(now):
                    return
            await asyncio.sleep(1)
        raise AssertionError(f"waited for {what}; firing: {now}")

    async def answers(self, name: str, path: str) -> None:
        """Wait until a process answers."""
        give_up = time.monotonic() + _PATIENCE_S
        async with httpx.AsyncClient(timeout=5) as client:
            while time.monotonic() < give_up:
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get(f"http://127.0.0.1:{self.ports[name]}{path}")).status_code == 200:
                        return
                await asyncio.sleep(0.2)
        raise AssertionError(f"{name} does not answer")


@contextlib.contextmanager
def roomy_disk(folder: Path) -> Iterator[Callable[[str], None]]:
    """Mount a disk of memory at ``folder``; yield what changes its size. Needs root."""
    folder.mkdir(parents=True)
    mount = shutil.which("mount")
    assert mount
    subprocess.run([mount, "-t", "tmpfs", "-o", "size=8g", "tmpfs", str(folder)], check=True)

    def resize(size: str) -> None:
        subprocess.run([mount, "-o", f"remount,size={size}", str(folder)], check=True)

    try:
        yield resize
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Stage]:
    """Start everything over an indexed clip; stop it at the end."""
    set_up = Stage(folder)
    for name in ("server", "embed", "proxy", "prometheus"):
        with socket.create_server(("127.0.0.1", 0)) as free:
            set_up.ports[name] = free.getsockname()[1]
    proxy = await asyncio.start_server(lambda r, w: _pass_on(set_up, r, w), "127.0.0.1", set_up.ports["proxy"])
    try:
        set_up.start_embedding()
        await set_up.answers("embed", "/health")
        make_clip(folder / "videos" / "one.mp4", seed=1)
        await asyncio.to_thread(set_up.command_line().run, "index", folder / "videos")
        set_up.start_server()
        await set_up.answers("server", "/ready")
        set_up.start_prometheus()
        await set_up.answers("prometheus", "/-/ready")
        yield set_up
    finally:
        for name in list(set_up.running):
            set_up.kill(name, signal.SIGTERM)
        proxy.close()


def make_clip(path: Path, *, seed: int) -> Path:
    """Write a video of four scenes in which something is said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{n + 1}\n00:00:0{2 * n},200 --> 00:00:0{2 * n + 1},800\nthe red car number {n}\n" for n in range(4)]
    path.with_suffix(".srt").write_text("\n".join(lines))
    return write_clip(path, play([Shot(picture(seed * 10 + n), 2.0) for n in range(4)]))


async def _pass_on(set_up: Stage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand requests on to the embedding service, as late as is set."""
    try:
        there, back = await asyncio.open_connection("127.0.0.1", set_up.ports["embed"])
    except OSError:
        writer.close()
        return

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, late: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await source.read(65536):
                if late:
                    await asyncio.sleep(set_up.delay_s)
                sink.write(chunk)
                await sink.drain()
        sink.close()

    await asyncio.gather(copy(reader, back, late=True), copy(there, writer, late=False))


@contextlib.contextmanager
def broken_database(set_up: Stage) -> Iterator[None]:
    """Kill the library's PostgreSQL, and let it not start again: its control file is away until the end."""
    control = set_up.data / "postgres" / "global" / "pg_control"
    away = control.with_name("pg_control.away")
    control.rename(away)
    try:
        for process in set_up.databases():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        yield
    finally:
        away.rename(control)
