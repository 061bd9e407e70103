"""Which graph runs: the original, unless a copy proved itself on this very model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding import precision
from heimdex.embedding.precision import NOTE, Fidelity, graph_file, int8_file, read_note, write_note

GOOD = Fidelity(least_cosine=0.995, mean_cosine=0.999, overlap=0.95)
REVISION = "r1"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose copies passed, on a machine where the CPU does the work."""
    for part in precision.PARTS:
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.onnx").write_bytes(b"original")
        int8_file(tmp_path, part).write_bytes(b"copy")
    write_note(tmp_path, REVISION, dict.fromkeys(precision.PARTS, GOOD))
    monkeypatch.setattr(precision, "runs_on_cpu", lambda: True)
    return tmp_path


def test_auto_takes_a_copy_that_passed(folder: Path) -> None:
    assert graph_file(folder, "visual", "auto", REVISION) == int8_file(folder, "visual")


@pytest.mark.parametrize("bad", [Fidelity(0.98, 0.999, 0.99), Fidelity(0.999, 0.999, 0.89)])
def test_auto_keeps_to_the_original_where_the_copy_answers_otherwise(folder: Path, bad: Fidelity) -> None:
    write_note(folder, REVISION, {"visual": bad, "textual": GOOD})

    assert graph_file(folder, "visual", "auto", REVISION) == folder / "visual/model.onnx"
    assert graph_file(folder, "textual", "auto", REVISION) == int8_file(folder, "textual")


def test_auto_keeps_to_the_original_where_something_quicker_runs_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "runs_on_cpu", lambda: False)

    assert graph_file(folder, "visual", "auto", REVISION) == folder / "visual/model.onnx"


def test_a_copy_that_was_not_measured_is_not_used(folder: Path) -> None:
    int8_file(folder, "visual").write_bytes(b"another copy")
    assert graph_file(folder, "visual", "auto", REVISION) == folder / "visual/model.onnx"

    assert graph_file(folder, "textual", "auto", "another revision") == folder / "textual/model.onnx"

    (folder / NOTE).write_text(json.dumps({"revision": REVISION, "textual": {"overlap": "much"}}))
    assert read_note(folder, REVISION) == {}
    assert graph_file(folder, "textual", "auto", REVISION) == folder / "textual/model.onnx"


def test_a_person_may_insist(folder: Path) -> None:
    assert graph_file(folder, "visual", "fp32", REVISION) == folder / "visual/model.onnx"
    (folder / NOTE).unlink()
    assert graph_file(folder, "visual", "int8", REVISION) == int8_file(folder, "visual")

    int8_file(folder, "visual").unlink()
    with pytest.raises(ModelInvalid, match="no int8 copy") as caught:
        graph_file(folder, "visual", "int8", REVISION)
    assert "models quantise" in caught.value.remedy
