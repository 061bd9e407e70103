"""Texts to ids: cleaning, framing, cutting, padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heimdex.embedding.tokenise import Cleaning, ClipTokeniser, Tokenising, clean_text, parse_tokenising
from heimdex.testing.tiny_models import write_tokenizer

PAD, START, END, UNKNOWN, RED, BLUE, CAR = range(7)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_tokenizer(tmp_path / "tokenizer.json")
    return tmp_path / "tokenizer.json"


def _how(*, length: int = 8, trims: bool = False) -> Tokenising:
    return Tokenising(length, "lower", "<pad>", trims)


def test_rows_are_framed_and_padded_to_the_context_length(file: Path) -> None:
    ids = ClipTokeniser(file, _how()).ids(["red car", "Blue"])

    assert ids.tolist() == [[START, RED, CAR, END, PAD, PAD, PAD, PAD], [START, BLUE, END, PAD, PAD, PAD, PAD, PAD]]


def test_what_is_too_long_is_cut_before_the_end_token(file: Path) -> None:
    ids = ClipTokeniser(file, _how(length=5)).ids(["red " * 50])

    assert ids.tolist() == [[START, RED, RED, RED, END]]


def test_padding_is_left_away_only_where_the_model_ignores_it(file: Path) -> None:
    texts = ["red car", "blue"]

    assert ClipTokeniser(file, _how(trims=True)).ids(texts).tolist() == [
        [START, RED, CAR, END],
        [START, BLUE, END, PAD],
    ]
    assert ClipTokeniser(file, _how(trims=False)).ids(texts).shape == (2, 8)


def test_a_graph_of_fixed_length_gets_that_length(file: Path) -> None:
    tokeniser = ClipTokeniser(file, _how(trims=True))

    assert tokeniser.ids(["red"], length=6).shape == (1, 6)
    assert tokeniser.ids(["red " * 9], length=4).tolist() == [[START, RED, RED, END]]


def test_a_pad_token_that_the_tokenizer_lacks_is_refused(file: Path) -> None:
    with pytest.raises(ValueError, match="<nothing>"):
        ClipTokeniser(file, Tokenising(8, "lower", "<nothing>", trims=False))


def test_a_damaged_tokenizer_is_refused(file: Path) -> None:
    file.write_text("{")

    with pytest.raises(ValueError, match="EOF"):
        ClipTokeniser(file, _how())


@pytest.mark.parametrize(
    ("how", "text", "expected"),
    [
        ("lower", "  A\tRed \n\u3000Car ", "a red car"),
        ("lower", "Tom &amp; Jerry", "tom & jerry"),
        ("whitespace", " A  Red ", "A Red"),
        ("canonicalize", "A red_car, isn't it?!", "a red car isnt it"),
        ("canonicalize", "빨간 자동차!", "빨간 자동차"),
        ("lower", "\ud800", "?"),
    ],
)
def test_cleaning_is_what_the_model_was_trained_with(how: Cleaning, text: str, expected: str) -> None:
    assert clean_text(text, how) == expected


@pytest.mark.parametrize(
    ("text_cfg", "trims"),
    [
        ({}, True),  # OpenAI's: causal, read at the end-of-text token
        ({"hf_model_name": "xlm-roberta-base"}, True),  # masks padding
        ({"no_causal_mask": True, "pool_type": "last"}, False),  # SigLIP
        ({"no_causal_mask": True}, False),
        ({"pool_type": "last"}, False),
        ({"embed_cls": True}, False),  # CoCa
        ({"masks_padding": True, "no_causal_mask": True}, True),  # ours
        ({"masks_padding": False}, False),
    ],
)
def test_which_text_towers_ignore_padding(text_cfg: dict[str, Any], trims: bool) -> None:
    assert parse_tokenising({"text_cfg": text_cfg}, {"pad_token": "x"}).trims is trims


def test_cleaning_and_length_follow_the_model() -> None:
    tokens = {"pad_token": {"content": "<pad>"}}

    assert parse_tokenising({}, tokens) == Tokenising(77, "lower", "<pad>", trims=True)
    siglip = {"hf_tokenizer_name": "x", "context_length": 64, "tokenizer_kwargs": {"clean": "canonicalize"},
              "no_causal_mask": True}  # fmt: skip
    assert parse_tokenising({"text_cfg": siglip}, tokens) == Tokenising(64, "canonicalize", "<pad>", trims=False)
    assert parse_tokenising({"text_cfg": {"hf_model_name": "x"}}, tokens).clean == "whitespace"


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({}, {}),
        ({}, {"pad_token": None}),
        ({"text_cfg": {"context_length": -1}}, {"pad_token": "x"}),
        ({"text_cfg": {"tokenizer_kwargs": {"clean": "scrub"}}}, {"pad_token": "x"}),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], tokens: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"pad_token|context_length|clean"):
        parse_tokenising(config, tokens)
