"""The indexing process is killed at any moment: the next run ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heimdex.ingest.library import IndexLibrary
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import DecodeRules
from heimdex.speech.sidecar import SidecarReader
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.clips import Shot, picture, play, write_clip
from heimdex.testing.embedder import ColourEmbedder

RULES = DecodeRules(
    min_scene_s=1.0, max_scene_s=30.0, keyframes_per_scene=2, thumbnail_px=160,
    max_duration_s=3600, max_frame_px=1 << 26, max_scenes=1000, threads=1,
)  # fmt: skip
KILLS = 6


async def index(videos: Path, artefacts: Path) -> InMemoryCatalogue:
    decoder = IsolatedDecoder(RULES, timeout_s=120, max_memory_bytes=2 << 30)
    catalogue = InMemoryCatalogue()
    library = IndexLibrary(
        decoder=decoder, transcripts=SidecarReader(), embedder=ColourEmbedder(), text_embedder=None,
        catalogue=catalogue, queue=catalogue.queue, artefacts=artefacts, workers=artefacts.with_name("workers"),
        decoding_fingerprint=decoder.fingerprint, limits_fingerprint=decoder.limits_fingerprint,
    )  # fmt: skip
    await library.run([videos], lambda event: print(event.fraction, flush=True))
    return catalogue


def scenes(catalogue: InMemoryCatalogue) -> dict[str, object]:
    """Return all that was published, without the ids that every run makes anew."""
    return {
        video.title: [
            (scene.scene, scene.transcript, scene.visual.tolist() if scene.visual is not None else None)
            for scene in video.scenes
        ]
        for video in catalogue.videos.values()
    }


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(4):
        shots = [Shot(picture(10 * number + n, width=640, height=360), 2, grain=3) for n in range(3)]
        write_clip(folder / f"{number}.mp4", play(shots))
    return folder


def test_killed_at_any_moment_it_completes_with_the_same_scenes(videos: Path, tmp_path: Path) -> None:
    whole = asyncio.run(index(videos, tmp_path / "whole"))
    chance = random.Random(7)
    for _ in range(KILLS):
        _start_and_kill(videos, tmp_path / "killed", chance)
    again = asyncio.run(index(videos, tmp_path / "killed"))

    assert scenes(again) == scenes(whole)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def _start_and_kill(videos: Path, artefacts: Path, chance: random.Random) -> None:
    """Run until the first sign of work, then kill a moment later."""
    script = f"""
import asyncio
from pathlib import Path
from tests.faults.test_index_killed import index
asyncio.run(index(Path({str(videos)!r}), Path({str(artefacts)!r})))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(chance.uniform(0, 2.5))
    process.kill()
    process.wait()
    process.stdout.close()
