from __future__ import annotations

from heimdex.domain.media import Segment, Span
from heimdex.ingest import fingerprint
from heimdex.ports import EmbeddingModel

MODEL = EmbeddingModel("clip", "1", 4)
LINE = Segment(Span(0, 1), "hello", "sidecar", "en")


def test_models_and_decoding_are_part_of_it() -> None:
    base = fingerprint.of_settings("decoding", MODEL, None)
    others = {
        fingerprint.of_settings("other", MODEL, None),
        fingerprint.of_settings("decoding", EmbeddingModel("clip", "2", 4), None),
        fingerprint.of_settings("decoding", MODEL, MODEL),
    }

    assert base == fingerprint.of_settings("decoding", MODEL, None)
    assert len(others | {base}) == 4


def test_the_text_beside_it_is_part_of_it() -> None:
    bare = fingerprint.of_settings("decoding", MODEL, None)
    spoken = fingerprint.with_text(bare, [LINE])

    assert fingerprint.with_text(bare, []) == bare != spoken
    assert spoken == fingerprint.with_text(bare, [LINE])
    assert spoken != fingerprint.with_text(bare, [LINE, LINE])


def test_a_raised_limit_is_another_fingerprint() -> None:
    assert fingerprint.with_limits("settings", "a") != fingerprint.with_limits("settings", "b")
