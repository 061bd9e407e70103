"""The examples of docs/query-language.md, and what stands beside a query, on the demo library."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "query-language.md"
ROW = re.compile(r"^\| `(?P<query>.+)` \| (?P<moment>nothing|.+ \d+:\d\d) \|$", re.MULTILINE)
EXAMPLES = [(row["query"], row["moment"]) for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))]


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) >= 15


@pytest.mark.parametrize(("query", "moment"), EXAMPLES)
def test_an_example_finds_what_the_page_says(demo: Any, query: str, moment: str) -> None:
    results = demo.json("search", query, code=3 if moment == "nothing" else 0)["results"]
    if moment == "nothing":
        assert results == []
    else:
        title, time = moment.rsplit(" ", 1)
        minutes, seconds = time.split(":")
        assert results[0]["title"] == title
        assert results[0]["start_s"] == pytest.approx(int(minutes) * 60 + int(seconds), abs=0.5)


def test_a_filter_a_page_and_a_receipt(demo: Any, truth: Any) -> None:
    video = truth.folder / "City morning.mp4"
    first = demo.json("search", "street", "--in", str(video), "-n", "1")
    assert first["results"][0]["title"] == "City morning"
    second = demo.json("search", "street", "--in", str(video), "-n", "1", "--cursor", first["next_cursor"])
    assert second["results"][0]["rank"] == 2
    assert second["results"][0]["scene_id"] != first["results"][0]["scene_id"]
    told = demo.json("explain", "street", second["results"][0]["scene_id"])
    assert told["difference"] <= 1e-6


def test_more_like_a_scene_and_like_a_picture(demo: Any, truth: Any, tmp_path: Path) -> None:
    car = demo.json("search", "see:red car")["results"][0]
    alike = demo.json("similar", car["scene_id"], "-n", "5")["results"]
    assert car["scene_id"] not in [result["scene_id"] for result in alike]
    assert any(shown.is_found_by(result) for shown in truth.showing("car") for result in alike)

    note = tmp_path / "note.txt"
    note.write_text("no picture")
    assert "picture" in demo.run("search", "--image", str(note), code=2).stderr
