"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

#: Real videos, subtitles and queries; absent in a user's checkout.
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared test data is not there: {SHARED_DATA}")
    return SHARED_DATA
