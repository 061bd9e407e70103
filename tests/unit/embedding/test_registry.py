"""Names of models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from heimdex.domain.errors import ModelInvalid
from heimdex.embedding.registry import Kind, default_model, find_known, known_models, pocket_folder, resolve_model
from heimdex.embedding.text_choice import NoTextModel, find_text_model

DEFAULT = "XLM-Roberta-Base-ViT-B-32__laion5b_s13b_b90k"


def test_names_are_unique_and_each_kind_has_one_default() -> None:
    names = [model.id for model in known_models()]

    assert len(names) == len(set(names))
    for kind in ("clip", "text"):
        assert sum(model.default for model in known_models() if model.kind == kind) == 1
    assert default_model("clip").id == DEFAULT


def test_every_model_says_where_it_comes_from_and_under_which_licence() -> None:
    for model in known_models():
        assert model.licence
        assert model.languages
        assert sum(map(bool, (model.repository, model.package, model.built_in))) == 1


@pytest.mark.parametrize("kind", ["clip", "text"])
def test_a_default_may_be_used_for_anything(kind: Kind) -> None:
    assert default_model(kind).licence in {"MIT", "Apache-2.0"}
    assert {"en", "ko"} <= set(default_model(kind).languages)


def test_a_model_is_found_by_its_repository_too() -> None:
    assert find_known("immich-app/ViT-B-32__openai") is find_known("ViT-B-32__openai") is not None
    assert find_known("") is None


def test_names_become_folders(tmp_path: Path) -> None:
    (tmp_path / DEFAULT).mkdir()
    (tmp_path / "mine").mkdir()

    assert resolve_model(DEFAULT, tmp_path) == tmp_path / DEFAULT
    assert resolve_model("mine", tmp_path) == tmp_path / "mine"
    assert resolve_model(str(tmp_path / "mine"), Path("/nowhere")) == tmp_path / "mine"


def test_the_pocket_model_is_part_of_the_package(tmp_path: Path) -> None:
    assert pocket_folder().parent.name == "embedding"


def test_a_known_model_that_is_not_installed_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="ViT-B-32__openai is not installed") as raised:
        resolve_model("ViT-B-32__openai", tmp_path)
    assert "heimdex models pull ViT-B-32__openai" in raised.value.remedy


@pytest.mark.parametrize("name", ["", "no-such-model", "/no/such/folder"])
def test_an_unknown_model_points_to_the_list(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelInvalid) as raised:
        resolve_model(name, tmp_path)
    assert "heimdex models list" in raised.value.remedy


def test_a_text_model_is_not_taken_for_pictures_nor_the_other_way(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="no pictures"):
        resolve_model("multilingual-e5-small", tmp_path)
    with pytest.raises(ModelInvalid, match="CLIP model"):
        find_text_model("ViT-B-32__openai", tmp_path)


def test_auto_takes_many_languages_before_one(tmp_path: Path) -> None:
    assert isinstance(find_text_model("auto", tmp_path), NoTextModel)
    (tmp_path / "all-minilm-l6-v2").mkdir()
    assert find_text_model("auto", tmp_path) == tmp_path / "all-minilm-l6-v2"
    (tmp_path / "multilingual-e5-small").mkdir()
    assert find_text_model("auto", tmp_path) == tmp_path / "multilingual-e5-small"


def test_no_text_model_is_a_reason_with_a_remedy_a_named_one_is_an_error(tmp_path: Path) -> None:
    absent = find_text_model("auto", tmp_path)

    assert isinstance(absent, NoTextModel)
    assert "heimdex models pull multilingual-e5-small" in absent.remedy
    assert isinstance(find_text_model("none", tmp_path), NoTextModel)
    for name in ("all-minilm-l6-v2", "no-such"):
        with pytest.raises(ModelInvalid):
            find_text_model(name, tmp_path)
    (tmp_path / "mine").mkdir()
    assert find_text_model("mine", tmp_path) == tmp_path / "mine"


def test_importing_the_package_opens_no_engine() -> None:
    names = "local, text_local, registry, text_choice, minilm, folder, session"
    code = (
        f"import sys; from heimdex.embedding import {names}; "
        "print([m for m in ('onnxruntime', 'tokenizers', 'onnx', 'huggingface_hub', 'httpx') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
