from __future__ import annotations

from heimdex.domain.media import Segment, Span
from heimdex.ingest import fingerprint

LINE = Segment(Span(0, 1), "hello", "sidecar", "en")


def test_decoding_is_part_of_it() -> None:
    assert (
        fingerprint.of_settings("decoding") == fingerprint.of_settings("decoding") != fingerprint.of_settings("other")
    )


def test_the_text_beside_it_is_part_of_it() -> None:
    bare = fingerprint.of_settings("decoding")
    spoken = fingerprint.with_text(bare, [LINE])

    assert fingerprint.with_text(bare, []) == bare != spoken
    assert spoken == fingerprint.with_text(bare, [LINE])
    assert spoken != fingerprint.with_text(bare, [LINE, LINE])


def test_a_raised_limit_is_another_fingerprint() -> None:
    assert fingerprint.with_limits("settings", "a") != fingerprint.with_limits("settings", "b")
