"""Model folders on disk: what is taken, and the one clear line for each that is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from heimdex.domain.errors import EmbedderRejected, ModelInvalid
from heimdex.embedding.folder import REQUIRED_FILES, read_clip_folder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.session import tower
from heimdex.ports import Calibration
from heimdex.testing.tiny_models import DIM, write_tiny_clip

TIMEOUT_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_clip(tmp_path / "ViT-Tiny__random")


def _edit(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_folder_names_its_space(folder: Path) -> None:
    model = read_clip_folder(folder).model

    assert (model.model_id, model.dim, model.notice, model.calibration) == ("ViT-Tiny__random", DIM, "", None)
    assert len(model.revision) == 16


def test_a_model_may_name_itself_and_say_that_it_knows_drawings(folder: Path) -> None:
    _edit(folder / "config.json", model_id="pocket", knows="drawings")

    model = read_clip_folder(folder).model

    assert model.model_id == "pocket"
    assert model.notice.startswith("The built-in pocket model knows drawings, not photographs")


def test_a_model_says_what_it_can_read_or_the_registry_does(folder: Path) -> None:
    assert read_clip_folder(folder).model.languages == ()
    _edit(folder / "config.json", model_id="ViT-B-32__openai")
    assert read_clip_folder(folder).model.languages == ("en",)
    _edit(folder / "config.json", languages=["ko"])
    assert read_clip_folder(folder).model.languages == ("ko",)


def test_the_revision_is_of_the_content_not_of_the_place(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    (copy / "calibration.json").write_text('{"weak": 0.1, "medium": 0.2, "strong": 0.3}')
    before = read_clip_folder(folder).model.revision

    assert read_clip_folder(copy).model.revision == before
    assert read_clip_folder(copy).model.calibration == Calibration(0.1, 0.2, 0.3)


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_the_revision_changes_with_every_file_that_decides_the_vectors(folder: Path, name: str) -> None:
    before = read_clip_folder(folder).model.revision
    with (folder / name).open("ab") as stream:
        stream.write(b" ")

    assert read_clip_folder(folder).model.revision != before


def test_weights_kept_beside_a_graph_decide_too(folder: Path) -> None:
    before = read_clip_folder(folder).model.revision
    (folder / "visual/model.onnx_data").write_bytes(b"weights")

    assert read_clip_folder(folder).model.revision != before


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(ModelInvalid, match=name) as raised:
        read_clip_folder(folder)
    assert "heimdex models pull" in raised.value.remedy


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="There is no model folder"):
        read_clip_folder(tmp_path / "nowhere")


def test_a_pointer_is_not_taken_for_a_graph(folder: Path) -> None:
    (folder / "visual/model.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")

    with pytest.raises(ModelInvalid, match="Git LFS pointer"):
        read_clip_folder(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{"),
        ("config.json", "[]"),
        ("config.json", "{}"),
        ("config.json", '{"embed_dim": "512"}'),
        ("config.json", '{"embed_dim": 0}'),
        ("config.json", '{"embed_dim": 16, "text_cfg": 7}'),
        ("visual/preprocess_cfg.json", '{"size": "big"}'),
        ("visual/preprocess_cfg.json", '{"mean": [1]}'),
        ("textual/tokenizer_config.json", "{}"),
        ("calibration.json", '{"weak": 1}'),
        ("calibration.json", '{"weak": 0.3, "medium": 0.2, "strong": 0.4}'),
    ],
)
def test_files_that_say_what_cannot_be_are_one_clear_error(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)

    with pytest.raises(ModelInvalid) as raised:
        read_clip_folder(folder)
    assert "\n" not in raised.value.message
    assert raised.value.remedy


@pytest.mark.parametrize("part", ["visual", "textual"])
async def test_a_damaged_graph_is_one_clear_error(folder: Path, part: str) -> None:
    graph = folder / part / "model.onnx"
    graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    embedder = LocalEmbedder(folder)

    with pytest.raises(ModelInvalid, match="not a usable ONNX model") as raised:
        await _ask(embedder, part)
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("part", ["visual", "textual"])
async def test_a_dimension_that_the_graph_does_not_make_is_one_clear_error(folder: Path, part: str) -> None:
    _edit(folder / "config.json", embed_dim=DIM + 1)

    with pytest.raises(ModelInvalid, match="17"):
        await _ask(LocalEmbedder(folder), part)


async def test_a_graph_of_another_picture_size_is_one_clear_error(folder: Path) -> None:
    _edit(folder / "visual/preprocess_cfg.json", size=9)

    with pytest.raises(ModelInvalid, match="failed while it ran"):
        await _ask(LocalEmbedder(folder), "visual")


async def test_a_damaged_tokenizer_is_one_clear_error(folder: Path) -> None:
    (folder / "textual/tokenizer.json").write_text("{}")

    with pytest.raises(ModelInvalid, match=r"tokenizer\.json"):
        await _ask(LocalEmbedder(folder), "textual")


@pytest.mark.parametrize("id_type", [TensorProto.INT32, TensorProto.INT64])
async def test_ids_have_the_type_that_the_graph_declares(tmp_path: Path, id_type: int) -> None:
    embedder = LocalEmbedder(write_tiny_clip(tmp_path / "tiny", id_type=id_type))

    assert (await embedder.embed_texts(["red"], timeout_s=TIMEOUT_S)).shape == (1, DIM)


async def test_a_graph_of_fixed_shape_gives_the_rows_of_one_of_any_shape(tmp_path: Path) -> None:
    free = LocalEmbedder(write_tiny_clip(tmp_path / "free"))
    texts = ["red car", "blue", "the red dog", "빨간 자동차", "car"]
    pictures = [np.random.default_rng(i).integers(0, 256, (20, 30, 3), dtype=np.uint8) for i in range(5)]
    rows, seen = await free.embed_texts(texts, timeout_s=9), await free.embed_images(pictures, timeout_s=9)

    for batch in (1, 2):
        fixed = LocalEmbedder(write_tiny_clip(tmp_path / f"fixed{batch}", batch=batch, length=12))

        np.testing.assert_allclose(await fixed.embed_texts(texts, timeout_s=9), rows, atol=1e-6)
        np.testing.assert_allclose(await fixed.embed_images(pictures, timeout_s=9), seen, atol=1e-6)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5, 2), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        np.zeros(5, np.uint8),
    ],
)
async def test_what_is_no_picture_is_rejected(folder: Path, image: Any) -> None:
    with pytest.raises(EmbedderRejected):
        await LocalEmbedder(folder).embed_images([image], timeout_s=TIMEOUT_S)


async def test_grey_and_transparent_pictures_are_taken(folder: Path) -> None:
    embedder = LocalEmbedder(folder)
    grey: Any = np.full((9, 12), 90, np.uint8)
    same = [grey, grey[:, :, None], np.repeat(grey[:, :, None], 3, axis=2), np.repeat(grey[:, :, None], 4, axis=2)]

    rows = await embedder.embed_images(same, timeout_s=TIMEOUT_S)

    np.testing.assert_allclose(rows, rows[[0, 0, 0, 0]], atol=1e-6)


def test_a_process_opens_a_graph_once(folder: Path) -> None:
    first, second = LocalEmbedder(folder), LocalEmbedder(folder)

    assert first._visual is second._visual
    assert tower(folder / "visual/model.onnx") is first._visual
    assert tower(folder / "visual/model.onnx", threads=2) is not first._visual


async def _ask(embedder: LocalEmbedder, part: str) -> None:
    if part == "visual":
        await embedder.embed_images([np.zeros((8, 8, 3), dtype=np.uint8)], timeout_s=TIMEOUT_S)
    else:
        await embedder.embed_texts(["red"], timeout_s=TIMEOUT_S)
