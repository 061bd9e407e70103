from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from av.stream import Disposition

from heimdex.media.subtitles import Track, _clean, choose_tracks, segments


def stream(index: int, language: str | None = None, *, codec: str = "mov_text", marks: int = 0) -> Any:
    return SimpleNamespace(
        index=index, type="subtitle", codec_context=SimpleNamespace(name=codec), disposition=marks,
        metadata={"language": language} if language else {},
    )  # fmt: skip


def chosen(*streams: Any) -> tuple[list[tuple[int, str | None]], list[str]]:
    tracks, notes = choose_tracks(cast(Any, SimpleNamespace(streams=streams)))
    return [(track.stream.index, track.language) for track in tracks], notes


def test_one_track_of_each_language_is_taken() -> None:
    tracks, notes = chosen(stream(2, "eng"), stream(3, "kor"), stream(4, "eng"))

    assert tracks == [(2, "en"), (3, "ko")]
    assert notes == ["subtitle track 4 left out: track 2 has its language"]


def test_forced_signs_and_commentary_come_last_and_the_default_first() -> None:
    forced, default = Disposition.forced | Disposition.default, Disposition.default

    assert chosen(stream(2, "eng", marks=forced), stream(3, "eng"), stream(4, "eng", marks=default))[0] == [(4, "en")]


def test_pictures_of_text_are_left_out_with_a_note() -> None:
    tracks, notes = chosen(stream(2, codec="hdmv_pgs_subtitle"), stream(3, "und"))

    assert tracks == [(3, None)]
    assert "pictures" in notes[0]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (r"{\an8\i1}Hello\Nthere{\i0}", "Hello there"),
        ("<b>bold</b> <font color='red'>red</font>", "bold red"),
        ("a < b and c > d", "a < b and c > d"),
        ("<00:01.500>karaoke", "karaoke"),
        ("  two \r\n lines\0 ", "two lines"),
        ("", ""),
    ],
)
def test_markup_is_removed_and_words_are_kept(raw: str, clean: str) -> None:
    assert _clean(raw) == clean


def test_a_cue_without_an_end_lasts_to_the_next_one() -> None:
    track = Track(stream(0), "en", [(3.0, None, "b"), (1.0, None, "a"), (40.0, 41.0, "late")])

    found = segments([track], duration_s=20.0)
    assert [(s.span.start_s, s.span.end_s, s.text) for s in found] == [(1.0, 3.0, "a"), (3.0, 8.0, "b")]


def test_a_track_without_a_cue_says_nothing() -> None:
    assert segments([Track(cast(Any, None), "en")], duration_s=10.0) == ()
