"""What ingest costs beside bare decoding of the same file, and how soon the first video can be searched.

    .venv/bin/python -m benchmarks.ingest [VIDEO] [--seconds 60] [--repeat 3] [--embedder pocket|fake]

Without VIDEO a 1080p30 H.264 clip with known cuts is rendered. Each job runs in processes of its
own, one after the other, and all of them again for each repeat; the median is reported, as a ratio
to bare PyAV decoding (same file, best video stream, same number of threads). CPU seconds are user
and system time of all processes of the job, their start included. The catalogue is in memory: what
the database costs is not in these figures.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heimdex.domain.jobs import Status
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.registry import resolve_model
from heimdex.ingest.library import IndexLibrary
from heimdex.ingest.outcomes import IndexEvent
from heimdex.media.isolated import IsolatedDecoder
from heimdex.ports import Embedder, Image
from heimdex.settings import Settings
from heimdex.speech.sidecar import SidecarReader
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.clips import picture, write_clip
from heimdex.testing.embedder import ColourEmbedder
from heimdex.wiring import open_decoder

_SHOT_S = (4.0, 2.5, 6.0, 3.0, 5.5)
_BARE = """
import sys, av
with av.open(sys.argv[1], metadata_errors="replace") as container:
    stream = container.streams.best("video")
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = int(sys.argv[2])
    for frame in container.decode(stream):
        pass
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one job, in seconds."""

    cpu_s: float
    wall_s: float


def main() -> None:
    """Measure and print a table."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        video = options.video or render(work / "clip.mp4", options.seconds)
        threads = os.cpu_count() or 1
        jobs: dict[str, Callable[[], Cost]] = {
            "bare PyAV decoding": lambda: bare(video, threads),
            "one pass (cuts, keyframes, JPEGs, child process)": lambda: one_pass(video, work, threads),
            f"whole ingest ({options.embedder} model)": lambda: whole(video, work, threads, options.embedder)[0],
        }
        costs: dict[str, list[Cost]] = {name: [] for name in jobs}
        for _ in range(options.repeat):
            for name, job in jobs.items():
                costs[name].append(job())
        first_s = whole(video, work, threads, options.embedder)[1]
    _report(video, options.repeat, costs, first_s)


def render(path: Path, seconds: int, *, fps: int = 30, width: int = 1920, height: int = 1080) -> Path:
    """Write a clip of panning, grainy pictures whose cuts lie at the running sums of `_SHOT_S`."""
    return write_clip(path, _frames(seconds, fps, width, height), fps=fps, options={"preset": "veryfast", "crf": "23"})


def _frames(seconds: int, fps: int, width: int, height: int) -> Iterator[Image]:
    random = np.random.default_rng(0)
    grain = [random.integers(-6, 7, (height, width, 1), np.int16) for _ in range(4)]
    edges = np.cumsum(np.resize(_SHOT_S, seconds))
    shot, shown = -1, picture(0, width=width, height=height)
    for number in range(seconds * fps):
        now = int(np.searchsorted(edges, number / fps, side="right"))
        if now != shot:
            shot, shown = now, picture(now, width=width, height=height)
        panned = np.roll(shown, -2 * number, axis=1).astype(np.int16) + grain[number % len(grain)]
        yield panned.clip(0, 255).astype(np.uint8)


def bare(video: Path, threads: int) -> Cost:
    """Decode every frame in a process of its own and do nothing with it."""
    return _measured(lambda: subprocess.run([sys.executable, "-c", _BARE, str(video), str(threads)], check=True))


def one_pass(video: Path, work: Path, threads: int) -> Cost:
    """Decode as the library does, keyframes thrown away."""
    with tempfile.TemporaryDirectory(dir=work) as keyframes:
        return _measured(lambda: _decoder(threads).decode(video, Path(keyframes), on_progress=lambda _: None))


def whole(video: Path, work: Path, threads: int, embedder: str) -> tuple[Cost, float]:
    """Index into an empty library; return the cost and the seconds until the video can be searched."""
    decoder, model = _decoder(threads), _embedder(embedder)
    found: list[float] = []

    def note(event: IndexEvent) -> None:
        if event.outcome is not None and event.outcome.status is Status.INDEXED:
            found.append(time.perf_counter())

    with tempfile.TemporaryDirectory(dir=work) as artefacts:
        catalogue = InMemoryCatalogue()
        library = IndexLibrary(
            decoder=decoder, transcripts=SidecarReader(), embedder=model, text_embedder=None,
            catalogue=catalogue, queue=catalogue.queue, artefacts=Path(artefacts, "artefacts"),
            workers=Path(artefacts, "workers"),
            decoding_fingerprint=decoder.fingerprint, limits_fingerprint=decoder.limits_fingerprint,
        )  # fmt: skip
        began = time.perf_counter()
        cost = _measured(lambda: asyncio.run(library.run([video], note)))
    if not found:
        raise SystemExit(f"{video} was not indexed: nothing to measure")
    return cost, found[0] - began


def _measured(job: Callable[[], object]) -> Cost:
    cpu_s, wall_s = _cpu_s(), time.perf_counter()
    job()
    return Cost(_cpu_s() - cpu_s, time.perf_counter() - wall_s)


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def _decoder(threads: int) -> IsolatedDecoder:
    return open_decoder(Settings(), threads=threads)


def _embedder(name: str) -> Embedder:
    if name == "fake":
        return ColourEmbedder()
    return LocalEmbedder(resolve_model(name, Settings().data_dir / "models"))


def _report(video: Path, repeat: int, costs: dict[str, list[Cost]], first_s: float) -> None:
    print(f"{video.name}: {platform.machine()}, {os.cpu_count()} cores, median of {repeat}")
    base = _median(next(iter(costs.values())))
    print(f"{'':52}{'CPU s':>8}{'ratio':>8}{'wall s':>8}{'ratio':>8}")
    for name, measured in costs.items():
        cost = _median(measured)
        ratios = cost.cpu_s / base.cpu_s, cost.wall_s / base.wall_s
        print(f"{name:52}{cost.cpu_s:8.2f}{ratios[0]:8.2f}{cost.wall_s:8.2f}{ratios[1]:8.2f}")
    print(f"searchable after {first_s:.2f} s, {first_s / base.wall_s:.2f} x bare decoding")


def _median(costs: list[Cost]) -> Cost:
    return Cost(statistics.median(c.cpu_s for c in costs), statistics.median(c.wall_s for c in costs))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("--seconds", type=int, default=60, help="length of the rendered clip")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--embedder", choices=["pocket", "fake"], default="fake")
    return parser.parse_args()


if __name__ == "__main__":
    main()
