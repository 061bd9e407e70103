"""Values on their way into PostgreSQL."""

from __future__ import annotations

import math
import os
import struct
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from heimdex.domain.errors import DimensionMismatch
from heimdex.domain.ids import SceneId
from heimdex.domain.query import Channel
from heimdex.ports import EmbeddingModel
from heimdex.store.rows import (
    candidates_of,
    check_vectors,
    copy_block,
    path_bytes,
    path_key,
    storable,
    to_path,
    tsquery_text,
    tsvector_text,
    vector_text,
)

MODEL = EmbeddingModel("m", "1", 2)


def test_terms_keep_their_positions() -> None:
    assert tsvector_text(["red", "car", "red"]) == "'red':1,3 'car':2"


def test_quotes_and_backslashes_in_terms_are_escaped() -> None:
    assert tsvector_text(["it's", "a\\b"]) == "'it''s':1 'a\\\\b':2"
    assert tsquery_text(["it's", "x"]) == "'it''s' <-> 'x'"


def test_a_very_long_text_stays_within_the_limits_of_a_tsvector() -> None:
    text = tsvector_text(["w"] * 300 + [f"t{n}" for n in range(20_000)] + ["x" * 3000])

    assert len(text.split(" ")[0].split(",")) == 255
    assert "'t19999':16383" in text
    assert "xxx" not in text


def test_paths_of_any_bytes_come_back() -> None:
    raw = b"/videos/\xff\n\xea\xb0\x80.mp4"

    assert path_bytes(to_path(raw)) == raw
    assert len(path_key(Path(os.fsdecode(raw)))) == 32


def test_text_loses_what_cannot_be_stored_and_nothing_else() -> None:
    assert storable("a\0b\udcffc 빨간\n") == "ab?c 빨간\n"


def test_a_vector_is_written_with_all_its_digits() -> None:
    vector = np.array([1 / 3, -0.25], dtype=np.float32)

    assert np.array(vector_text(vector)[1:-1].split(","), dtype=np.float32).tolist() == vector.tolist()


def test_copy_data_has_the_layout_of_the_protocol() -> None:
    ids = [UUID(int=1), UUID(int=2)]
    data = copy_block(ids, [0, 7], np.array([[1, 0], [0.5, -1]], dtype=np.float32))

    assert data.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    assert data.endswith(b"\xff\xff")
    row = data[-2 - 40 : -2]
    assert struct.unpack(">hi16sihihhee", row) == (3, 16, ids[1].bytes, 2, 7, 8, 2, 0, 0.5, -1.0)


@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0], [2.0, 0.0]])
def test_rows_that_are_not_unit_vectors_are_refused(row: list[float]) -> None:
    with pytest.raises(ValueError, match="unit"):
        check_vectors(np.array([[1.0, 0.0], row], dtype=np.float32), MODEL)


def test_rows_of_another_dimension_are_refused() -> None:
    with pytest.raises(DimensionMismatch):
        check_vectors(np.ones((1, 3), dtype=np.float32), MODEL)


def test_a_similarity_that_is_no_number_is_left_out_and_the_others_lie_in_their_range() -> None:
    rows = [(SceneId(UUID(int=n)), similarity, 1.5) for n, similarity in enumerate([1.0004, math.nan, -1.2])]

    found = candidates_of(rows, Channel.VISUAL)

    assert [(c.scene_id.int, c.raw, c.frame_s) for c in found] == [(0, 1.0, 1.5), (2, -1.0, 1.5)]
