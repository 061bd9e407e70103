"""No row that is not a direction gets through."""

from __future__ import annotations

import numpy as np
import pytest

from heimdex.domain.errors import EmbedderRejected, ModelInvalid
from heimdex.embedding.rows import unit_rows


def test_rows_become_unit_rows() -> None:
    rows = unit_rows(np.array([[3, 4], [0, 0.002]], dtype=np.float32), count=2, dim=2, source="m")

    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0.0, 1.0]]), atol=1e-6)
    assert rows.dtype == np.float32


def test_large_values_do_not_overflow() -> None:
    rows = unit_rows(np.full((1, 4), 3e38, dtype=np.float32), count=1, dim=4, source="m")

    np.testing.assert_allclose(rows, [[0.5] * 4], atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0])
def test_a_row_without_a_direction_is_refused(bad: float) -> None:
    raw = np.array([[1, 0], [bad, 0]], dtype=np.float32)

    with pytest.raises(EmbedderRejected):
        unit_rows(raw, count=2, dim=2, source="m")


def test_another_dimension_is_a_model_error() -> None:
    with pytest.raises(ModelInvalid, match=r"\(1, 3\)"):
        unit_rows(np.ones((1, 3), dtype=np.float32), count=1, dim=2, source="m")


def test_a_lone_flat_row_is_taken() -> None:
    assert unit_rows(np.ones(2, dtype=np.float32), count=1, dim=2, source="m").shape == (1, 2)
