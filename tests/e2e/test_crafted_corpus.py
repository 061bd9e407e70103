"""Files of every kind, made here, end as scenes or as a reason, as `crafted_corpus.toml` says; none is changed."""

from __future__ import annotations

import hashlib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.e2e.crafted_odd import NAMES, ODD
from tests.e2e.crafted_videos import HEIGHT, VIDEOS, WIDTH
from tests.e2e.test_media_corpus import RULES

from heimdex.domain.jobs import FileOutcome, Status
from heimdex.ingest.library import IndexLibrary
from heimdex.media.isolated import IsolatedDecoder
from heimdex.ports import IndexedVideo
from heimdex.speech.sidecar import SidecarReader
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.embedder import ColourEmbedder, WordEmbedder

TABLE = tomllib.loads(Path(__file__).with_name("crafted_corpus.toml").read_text("utf-8"))
REJECTED: dict[str, str] = TABLE["rejected"]
TWO_SHOTS = {"duration_s": 4.0, "size_px": [WIDTH, HEIGHT], "cuts": [2.0]}
INDEXED: dict[str, dict[str, Any]] = TABLE["indexed"] | dict.fromkeys(TABLE["two_shots"], TWO_SHOTS)
_NAMED = {os.fsdecode(name): known for name, known in NAMES.items()}
_FRAME_S = 0.04
_COLOUR = 14


@dataclass(frozen=True)
class Corpus:
    outcomes: dict[str, FileOutcome]
    videos: dict[str, IndexedVideo]
    artefacts: Path
    before: dict[str, str]
    after: dict[str, str]


def _state(folder: Path) -> dict[str, str]:
    """Return what a file is made of, by name: bytes, times and all."""
    found = {}
    for path in folder.iterdir():
        facts = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found[path.name] = f"{facts.st_mtime_ns} {facts.st_mode} {hashlib.sha256(data).hexdigest()}"
    return found


@pytest.fixture(scope="module")
async def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder, artefacts = tmp_path_factory.mktemp("crafted"), tmp_path_factory.mktemp("artefacts")
    for name, make in (VIDEOS | ODD).items():
        make(folder / name)
    before = _state(folder)
    decoder = IsolatedDecoder(RULES, timeout_s=120, max_memory_bytes=3 << 30)
    catalogue = InMemoryCatalogue()
    library = IndexLibrary(
        decoder=decoder, transcripts=SidecarReader(), embedder=ColourEmbedder(), text_embedder=WordEmbedder(),
        catalogue=catalogue, queue=catalogue.queue, artefacts=artefacts,
        workers=tmp_path_factory.mktemp("workers"),
        decoding_fingerprint=decoder.fingerprint, limits_fingerprint=decoder.limits_fingerprint,
    )  # fmt: skip
    report = await library.run([folder / name for name in VIDEOS | ODD])
    outcomes = {_NAMED.get(outcome.path.name, outcome.path.name): outcome for outcome in report.outcomes}
    videos = {
        _NAMED.get(path.name, path.name): catalogue.videos[known.video_id]
        for path, known in catalogue.files.items()
        if known.video_id is not None
    }
    return Corpus(outcomes, videos, artefacts, before, _state(folder))


def test_the_table_names_every_kind(corpus: Corpus) -> None:
    assert set(corpus.outcomes) == set(REJECTED) | set(INDEXED)
    assert len(corpus.outcomes) >= 80


def test_no_file_was_changed(corpus: Corpus) -> None:
    assert corpus.after == corpus.before


@pytest.mark.parametrize("name", REJECTED)
def test_what_cannot_be_shown_says_why(corpus: Corpus, name: str) -> None:
    outcome = corpus.outcomes[name]

    assert (outcome.status, outcome.reason) == (Status.UNREADABLE, REJECTED[name]), outcome.detail
    assert outcome.remedy
    assert name not in corpus.videos


@pytest.mark.parametrize("name", INDEXED)
def test_what_can_be_shown_becomes_scenes_at_the_right_times(corpus: Corpus, name: str) -> None:
    outcome, expected = corpus.outcomes[name], INDEXED[name]
    assert outcome.status is Status.INDEXED, f"{outcome.reason}: {outcome.detail}"
    video, within_s = corpus.videos[name], expected.get("within_s", _FRAME_S) + 1e-6

    starts = [indexed.scene.span.start_s for indexed in video.scenes]
    assert video.facts.duration_s == pytest.approx(expected["duration_s"], abs=within_s)
    assert [video.facts.width_px, video.facts.height_px] == expected["size_px"]
    if "cuts" in expected:
        assert starts[1:] == pytest.approx(expected["cuts"], abs=within_s)
    assert len(starts) == expected.get("scenes", len(starts))
    segments = [(s.span.start_s, s.span.end_s, s.text) for s in video.segments]
    wanted = expected.get("segments", [])
    assert [text for *_, text in segments] == [text for *_, text in wanted]
    assert [t for a, b, _ in segments for t in (a, b)] == pytest.approx(
        [t for a, b, _ in wanted for t in (a, b)], abs=within_s
    )
    notes = " | ".join(video.facts.notes)
    assert expected.get("note", "") in notes
    assert bool(notes) == ("note" in expected), notes
    assert video.facts.recorded_at == expected.get("recorded_at")


@pytest.mark.parametrize("name", INDEXED)
def test_every_scene_shows_what_it_should(corpus: Corpus, name: str) -> None:
    video, expected = corpus.videos[name], INDEXED[name]

    keyframes = [keyframe for indexed in video.scenes for keyframe in indexed.scene.keyframes]
    assert all(indexed.visual is not None and len(indexed.visual) for indexed in video.scenes)
    assert max(keyframe.quality for keyframe in keyframes) <= expected.get("most_quality", 1.0)
    with Image.open(corpus.artefacts / keyframes[-1].image) as opened:
        shown = np.asarray(opened).astype(int)
    height, width = shown.shape[:2]
    assert (width > height) == (video.facts.width_px > video.facts.height_px)
    for x, y, *colour in expected.get("shows", []):
        assert np.abs(shown[int(y * height), int(x * width)] - colour).max() <= _COLOUR
