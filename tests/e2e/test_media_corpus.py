"""Every file of the shared corpus ends as scenes or as a reason, as `media_corpus.toml` says."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from heimdex.domain.jobs import FileOutcome, Status
from heimdex.ingest.library import IndexLibrary
from heimdex.media.isolated import IsolatedDecoder
from heimdex.media.rules import DecodeRules
from heimdex.ports import IndexedVideo
from heimdex.speech.sidecar import SidecarReader
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.embedder import ColourEmbedder, WordEmbedder

TABLE = tomllib.loads(Path(__file__).with_name("media_corpus.toml").read_text("utf-8"))
RULES = DecodeRules(
    min_scene_s=1.0, max_scene_s=30.0, keyframes_per_scene=3, thumbnail_px=480,
    max_duration_s=86400, max_frame_px=8192 * 8192, max_scenes=100_000,
)  # fmt: skip
Corpus = dict[str, tuple[FileOutcome, IndexedVideo | None]]


@pytest.fixture(scope="module")
async def corpus(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The whole folder, indexed once with the real decoder; file name -> outcome and video."""
    decoder = IsolatedDecoder(RULES, timeout_s=120, max_memory_bytes=3 << 30)
    catalogue = InMemoryCatalogue()
    library = IndexLibrary(
        decoder=decoder, transcripts=SidecarReader(), embedder=ColourEmbedder(), text_embedder=WordEmbedder(),
        catalogue=catalogue, queue=catalogue.queue, artefacts=tmp_path_factory.mktemp("artefacts"),
        workers=tmp_path_factory.mktemp("workers"),
        decoding_fingerprint=decoder.fingerprint, limits_fingerprint=decoder.limits_fingerprint,
    )  # fmt: skip
    report = await library.run(sorted((shared_data / "media").iterdir()))
    by_path = {path: known.video_id for path, known in catalogue.files.items()}
    return {
        outcome.path.name: (outcome, catalogue.videos[video_id] if (video_id := by_path[outcome.path]) else None)
        for outcome in report.outcomes
    }


def test_the_table_names_every_file(corpus: Corpus) -> None:
    assert set(corpus) == set(TABLE["rejected"]) | set(TABLE["indexed"])


@pytest.mark.parametrize("name", TABLE["rejected"])
def test_a_file_that_cannot_be_shown_says_why(corpus: Corpus, name: str) -> None:
    outcome, video = corpus[name]

    assert (outcome.status, outcome.reason) == (Status.UNREADABLE, TABLE["rejected"][name])
    assert outcome.detail
    assert outcome.remedy
    assert video is None


@pytest.mark.parametrize("name", TABLE["indexed"])
def test_a_file_that_can_be_shown_becomes_scenes(corpus: Corpus, name: str) -> None:
    outcome, video = corpus[name]
    expected: dict[str, Any] = TABLE["indexed"][name]
    assert outcome.status is Status.INDEXED, outcome.detail
    assert video is not None

    starts = [indexed.scene.span.start_s for indexed in video.scenes]
    assert video.facts.duration_s == pytest.approx(expected["duration_s"], abs=0.1)
    assert [video.facts.width_px, video.facts.height_px] == expected["size_px"]
    assert video.scenes[-1].scene.span.end_s == pytest.approx(expected["duration_s"], abs=0.1)
    if "cuts" in expected:
        assert starts[1:] == pytest.approx(expected["cuts"], abs=0.5)
    for cut in expected.get("includes", []):
        assert min(abs(start - cut) for start in starts) < 0.5
    assert len(starts) <= expected.get("most_scenes", len(starts))
    assert all(indexed.visual is not None and len(indexed.visual) for indexed in video.scenes)


@pytest.mark.parametrize("name", [name for name, row in TABLE["indexed"].items() if "segments" in row])
def test_what_is_said_is_found_at_its_time(corpus: Corpus, name: str) -> None:
    video, expected = corpus[name][1], TABLE["indexed"][name]
    assert video is not None

    assert len(video.segments) == expected["segments"]
    (segment,) = [s for s in video.segments if expected["says"] in s.text]
    assert segment.span.start_s == pytest.approx(expected["at_s"], abs=0.05)
    (scene,) = [s for s in video.scenes if expected["says"] in s.transcript][:1]
    assert scene.scene.span.overlap_s(segment.span) > 0
