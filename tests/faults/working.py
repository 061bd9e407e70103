"""A worker as a process of its own, to be killed: ``python -m tests.faults.working REQUEST`` (JSON)."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from heimdex.domain.media import Reason
from heimdex.ingest.artefacts import Artefacts
from heimdex.ingest.library import IndexLibrary
from heimdex.ingest.outcomes import IndexEvent
from heimdex.ingest.tidying import Tidying
from heimdex.ingest.worker import WorkRules
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import DecodeRules
from heimdex.speech.sidecar import SidecarReader
from heimdex.store import Store, open_store
from heimdex.store.catalogue import PostgresCatalogue
from heimdex.store.jobs import PostgresJobs
from heimdex.testing.decoder import ScriptedDecoder
from heimdex.testing.embedder import ColourEmbedder, WordEmbedder

RULES = DecodeRules(
    min_scene_s=1.0, max_scene_s=30.0, keyframes_per_scene=2, thumbnail_px=160,
    max_duration_s=3600, max_frame_px=1 << 26, max_scenes=1000, threads=1,
)  # fmt: skip
#: every place where a step begins or ends; before the last of them nothing is known, after it everything
BOUNDARIES: dict[str, tuple[type, str]] = {
    "enqueue": (PostgresJobs, "enqueue"),
    "claim": (PostgresJobs, "claim"),
    "hash": (PostgresJobs, "note_content"),
    "keep": (Artefacts, "keep"),
    "advance": (PostgresJobs, "advance"),
    "publish": (PostgresCatalogue, "publish"),
    "link": (PostgresCatalogue, "link_file"),
    "refuse": (PostgresCatalogue, "record_unreadable"),
    "tidy": (Artefacts, "drop_others"),
}
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Work:
    """What a process is to do."""

    videos: str
    data: str
    #: None runs an embedded server in ``data``
    database_url: str | None
    real_decoder: bool = False
    #: where living workers are known: another folder stands for another machine
    workers: str = "workers"
    lease_s: float = 60.0
    attempts: int = 1000
    #: name in BOUNDARIES, "before" or "after", how often it may be passed first
    fatal: tuple[str, str, int] | None = None
    least_free_bytes: int = 0

    def start(self) -> subprocess.Popen[str]:
        """Start the process; it prints a line for each sign of life and each file that ended."""
        command = [sys.executable, "-m", "tests.faults.working", json.dumps(asdict(self))]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self) -> int:
        """Run the process to its end; return its exit code."""
        process = self.start()
        _, errors = process.communicate(timeout=300)
        assert process.returncode in {0, -signal.SIGKILL}, errors
        return process.returncode

    def library(self, store: Store) -> IndexLibrary:
        """Return the use case on real adapters; the models are fakes, because they cost start-up time."""
        rejects = {f"wrong {n}.mp4": Reason.NO_FRAMES for n in range(20)}
        decoder: Any = (
            IsolatedDecoder(RULES, timeout_s=120, max_memory_bytes=2 << 30)
            if self.real_decoder
            else ScriptedDecoder(rejects=rejects)
        )
        data = Path(self.data)
        return IndexLibrary(
            decoder=decoder, transcripts=SidecarReader(), embedder=ColourEmbedder(), text_embedder=WordEmbedder(),
            catalogue=store.catalogue, queue=store.jobs, artefacts=data / "artefacts", workers=data / self.workers,
            decoding_fingerprint=decoder.fingerprint, limits_fingerprint=decoder.limits_fingerprint,
            rules=WorkRules(poll_s=0.05, patience_s=120), least_free_bytes=self.least_free_bytes,
            tidying=Tidying(Artefacts(data / "artefacts"), store.inventory, store.jobs),
        )  # fmt: skip


async def main(work: Work) -> None:
    def tell(event: IndexEvent) -> None:
        if event.outcome is not None:
            print(event.outcome.status.value, event.outcome.path.name, flush=True)
        else:
            print("notice" if event.notice else "progress", event.notice, flush=True)

    options: dict[str, Any] = {"lease_s": work.lease_s, "max_attempts": work.attempts}
    async with open_store(work.database_url, Path(work.data), **options) as store:
        await work.library(store).run([Path(work.videos)], tell)


def make_fatal(point: str, when: str, passes: int) -> None:
    """Let this process die by SIGKILL right before or right after a boundary."""
    owner, name = BOUNDARIES[point]
    left = passes

    def maybe_die(here: str) -> None:
        nonlocal left
        if here == when:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    async def later(*args: Any, **more: Any) -> Any:
        maybe_die("before")
        result = await original(*args, **more)
        maybe_die("after")
        return result

    @functools.wraps(original)
    def now(*args: Any, **more: Any) -> Any:
        maybe_die("before")
        result = original(*args, **more)
        maybe_die("after")
        return result

    setattr(owner, name, later if inspect.iscoroutinefunction(original) else now)


_CONTENT = {
    "videos": "SELECT title, sha256, fingerprint, duration_s, scenes, segments, scenes_with_words, terms FROM video",
    "files": """SELECT f.path, f.size_bytes, f.sha256, f.fingerprint, f.reason, f.detail, v.sha256
                FROM file f LEFT JOIN video v USING (tenant_id, video_id)""",
    "scenes": """SELECT v.sha256, s.ordinal, s.start_s, s.end_s, s.transcript, s.words::text, s.best_frame
                 FROM scene s JOIN video v USING (tenant_id, video_id)""",
    "keyframes": """SELECT v.sha256, s.ordinal, k.frame_no, k.time_s, k.quality, k.image FROM keyframe k
                    JOIN scene s USING (tenant_id, scene_id) JOIN video v USING (tenant_id, video_id)""",
    "segments": """SELECT v.sha256, g.ordinal, g.start_s, g.text
                   FROM segment g JOIN video v USING (tenant_id, video_id)""",
    "coverage": """SELECT v.sha256, c.relation, c.scenes, c.frames
                   FROM video_space c JOIN video v USING (tenant_id, video_id)""",
    "jobs": "SELECT path, state, attempts, failures, problem FROM job",
}
_ROWS = ("video", "file", "scene", "keyframe", "segment", "video_space", "job")


def contents(database_url: str, data: Path) -> dict[str, Any]:
    """Return everything that the library holds, in the database and on disk, without ids and times."""
    found: dict[str, Any] = {}
    with psycopg.connect(database_url) as connection:
        for name, query in _CONTENT.items():
            found[name] = sorted(connection.execute(query).fetchall(), key=repr)
        spaces = connection.execute("SELECT relation FROM embedding_space ORDER BY relation").fetchall()
        for (relation,) in spaces:
            found[relation] = sorted(
                connection.execute(
                    f"SELECT v.sha256, s.ordinal, e.frame_no, e.v::text FROM {relation} e"  # noqa: S608
                    " JOIN scene s USING (tenant_id, scene_id) JOIN video v USING (tenant_id, video_id)"
                ).fetchall(),
                key=repr,
            )
        for table in (*_ROWS, *(relation for (relation,) in spaces)):  # rows that belong to nothing would show here
            count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
            found[f"rows of {table}"] = count
    for folder in ("artefacts", "workers"):
        found[folder] = {
            str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            for path in sorted((data / folder).rglob("*"))
            if path.name != ".library"
        }
    return found


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    asked = Work(**(request | {"fatal": tuple(request["fatal"]) if request["fatal"] else None}))
    if asked.fatal:
        make_fatal(*asked.fatal)
    asyncio.run(main(asked))
