"""Files cut off and with bytes flipped: each ends as scenes or with a reason, soon, and the next one proceeds.

The whole run, 5,000 files:

    .venv/bin/python -m pytest tests/faults/test_mutations.py -m slow -s
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.contract.test_media_decoder import RULES
from tests.e2e.crafted_odd import ODD
from tests.e2e.crafted_videos import VIDEOS

from heimdex.domain.errors import MediaRejected
from heimdex.media.isolated import IsolatedDecoder

#: one of each demuxer and of the decoders that people meet most
KINDS = (
    "h264.mp4", "hevc.mp4", "vp9.webm", "av1.mkv", "mpeg4.avi", "mpeg2.mpg", "wmv2.wmv", "flash.flv", "prores.mov",
    "ffv1.mkv", "moving.gif", "raw.nut", "late_clock.ts", "fragmented.mp4", "surround.mkv", "two_sounds.mkv",
    "three_texts.mkv", "mov_text.mp4", "edit_trimmed.mp4", "photo.jpg", "photo.png", "photo.webp", "photo.heic",
    "photo.avif",
)  # fmt: skip
LONGEST_S = 30.0


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("originals")
    for name in KINDS:
        (VIDEOS | ODD)[name](folder / name)
    return [(folder / name).read_bytes() for name in KINDS]


def mutated(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield files in turn: cut off, single bytes flipped, header bytes flipped, a block lost, a block moved."""
    random = np.random.default_rng(seed)
    for number in range(count):
        data = bytearray(originals[number % len(originals)])
        at = int(random.integers(1, len(data)))
        match number // len(originals) % 5:
            case 0:
                del data[at:]
            case 1 | 2 as kind:
                within = len(data) if kind == 1 else min(len(data), 1500)
                for place in random.integers(0, within, int(random.integers(1, 24))):
                    data[place] = int(random.integers(0, 256))
            case 3:
                del data[at : at + int(random.integers(1, 4096))]
            case _:
                length = int(random.integers(1, 4096))
                data[at : at + length] = data[:length]
        yield bytes(data)


def decode_all(files: Iterator[bytes], folder: Path, *, at_once: int) -> tuple[Counter[str], float]:
    """Return how the files ended, and the longest that one took, in seconds."""
    # a flipped bit may promise a day of pictures or a frame of a gigabyte: the limits are a part of what is tested
    rules = replace(RULES, max_duration_s=7200)
    decoder = IsolatedDecoder(rules, timeout_s=LONGEST_S, stall_s=LONGEST_S, max_memory_bytes=1536 << 20)

    def decode(numbered: tuple[int, bytes]) -> tuple[str, float]:
        number, data = numbered
        place = folder / str(number)
        place.mkdir()
        file = place / "file"
        file.write_bytes(data)
        began = time.monotonic()
        try:
            decoded = decoder.decode(file, place, on_progress=lambda _: None, with_audio=True)
            assert decoded.scenes
            ended = "scenes"
        except MediaRejected as rejected:
            ended = rejected.reason.value
        assert file.read_bytes() == data
        shutil.rmtree(place)
        return ended, time.monotonic() - began

    with ThreadPoolExecutor(at_once) as pool:
        ends = list(pool.map(decode, enumerate(files)))
    return Counter(ended for ended, _ in ends), max(took for _, took in ends)


def check(ends: Counter[str], longest_s: float, count: int) -> None:
    assert ends.total() == count
    assert ends["scenes"] > count / 10
    assert ends["decoder_timeout"] == 0
    assert ends["decoder_crash"] <= count / 1000  # FFmpeg's own, if any: what is broken is no surprise to us
    assert longest_s < LONGEST_S


def test_no_broken_file_stops_the_run(originals: list[bytes], tmp_path: Path) -> None:
    check(*decode_all(mutated(originals, 60, seed=5), tmp_path, at_once=2), count=60)


@pytest.mark.slow
def test_no_broken_file_of_five_thousand_stops_the_run(originals: list[bytes], tmp_path: Path) -> None:
    ends, longest_s = decode_all(mutated(originals, 5000, seed=2026), tmp_path, at_once=2)
    print(f"\n5,000 broken files, longest {longest_s:.1f} s: {dict(ends.most_common())}")
    check(ends, longest_s, count=5000)
