"""The status as the object that is printed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from heimdex.cli.status import describe
from heimdex.domain.media import LibraryStatus, Reason, UnreadableFile


def test_names_of_any_bytes_are_shown_as_index_shows_them() -> None:
    odd = Path(os.fsdecode(b"/v/\xff\nx.mp4"))
    unreadable = (UnreadableFile(odd, Reason.EMPTY, ""),)
    found = describe(
        LibraryStatus(
            videos=0, scenes=0, duration_s=0.0, segments=0, coverage={}, unreadable=unreadable, missing=(odd,)
        )
    )

    assert found["unreadable"][0]["path"] == found["missing"][0] == r"/v/\xff\nx.mp4"
    assert json.dumps(found).encode("utf-8")
