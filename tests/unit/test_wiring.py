"""Which model a library is opened with."""

from __future__ import annotations

import pytest

from heimdex.embedding.registry import pocket_model_id
from heimdex.ports import EmbeddingModel
from heimdex.ports.spaces import NamedModel
from heimdex.settings import Settings
from heimdex.wiring import clip_name

POCKET = EmbeddingModel(pocket_model_id(), "1", 512)


@pytest.mark.parametrize(
    ("in_use", "name"),
    [
        (None, "pocket"),
        (NamedModel(POCKET, ""), "pocket"),  # indexed before names were noted
        (NamedModel(EmbeddingModel("ViT-B-32__openai", "1", 512), ""), "ViT-B-32__openai"),
        (NamedModel(EmbeddingModel("clip-test", "1", 512), "/models/mine"), "/models/mine"),
    ],
)
def test_a_library_is_opened_by_what_it_was_indexed_with(in_use: NamedModel | None, name: str) -> None:
    assert clip_name(Settings(), in_use) == name
