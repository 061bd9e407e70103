"""A text becomes the token ids that a model was trained on, by the model's own files.

``tokenizer.json`` cuts; ``config.json`` says how the text is cleaned before and how long a row is.
Padding is left away only where that provably changes nothing (``Tokenising.trims``).
"""

from __future__ import annotations

import html
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Cleaning = Literal["lower", "whitespace", "canonicalize"]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Tokenising:
    """How a model wants its text."""

    context_length: int
    clean: Cleaning
    pad_token: str
    #: rows may end where the longest text ends: the model is causal and pools at the end of the text, or masks padding
    trims: bool


def parse_tokenising(config: Mapping[str, Any], tokenizer_config: Mapping[str, Any]) -> Tokenising:
    """Read open_clip's ``text_cfg`` and the tokenizer's settings. Raises ValueError naming what is wrong."""
    text = config.get("text_cfg") or {}
    clean: Cleaning = (text.get("tokenizer_kwargs") or {}).get("clean") or (
        "whitespace" if _from_hub(text) else "lower"
    )
    if clean not in ("lower", "whitespace", "canonicalize"):
        raise ValueError(f"text_cfg.tokenizer_kwargs.clean {clean!r} is none of lower, whitespace, canonicalize")
    length = int(text.get("context_length") or 77)
    if not 1 <= length <= 8192:
        raise ValueError(f"text_cfg.context_length {length} is not between 1 and 8192")
    pad = tokenizer_config.get("pad_token")
    pad_token = pad.get("content") if isinstance(pad, Mapping) else pad
    if not isinstance(pad_token, str):
        raise ValueError("tokenizer_config.json names no pad_token")
    return Tokenising(length, clean, pad_token, trims=_ignores_padding(text))


def clean_text(text: str, how: Cleaning) -> str:
    """Clean as open_clip's tokenizers do, without its repair of broken encodings (ftfy).

    Lone surrogates, which no tokenizer takes, become question marks.
    """
    text = html.unescape(html.unescape(text.encode("utf-8", "replace").decode()))
    if how == "canonicalize":
        text = text.replace("_", " ").translate(_NO_PUNCTUATION)
    text = " ".join(text.split())
    return text if how == "whitespace" else text.lower()


class ClipTokeniser:
    """Texts to rows of ids. Not safe for two threads at once: the tokenizer holds the padding."""

    def __init__(self, file: Path, how: Tokenising) -> None:
        self._how = how
        self._tokenizer = open_tokenizer(file)
        pad_id = self._tokenizer.token_to_id(how.pad_token)
        if pad_id is None:
            raise ValueError(f"{file.name} has no token {how.pad_token!r}, which tokenizer_config.json pads with")
        self._pad_id: int = pad_id
        self._tokenizer.no_padding()

    def ids(self, texts: Sequence[str], *, length: int | None = None) -> NDArray[np.int64]:
        """Return (len(texts), L) token ids; what is too long is cut before the end-of-text token.

        Args:
            length: L that the graph is fixed to; None for a graph of dynamic length, where L is the
                context length, or the longest text when the model ignores padding.
        """
        self._tokenizer.enable_truncation(max_length=length or self._how.context_length)
        rows = [
            encoding.ids
            for encoding in self._tokenizer.encode_batch([clean_text(text, self._how.clean) for text in texts])
        ]
        if length is None:
            length = max((len(row) for row in rows), default=1) if self._how.trims else self._how.context_length
        return pad_rows(rows, max(length, 1), self._pad_id)


def open_tokenizer(file: Path) -> Tokenizer:
    """Read ``tokenizer.json``. Raises ValueError when it cannot be read."""
    from tokenizers import Tokenizer  # here, so that start-up without a model stays light

    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises bare Exception
        raise ValueError(str(error)) from None


def pad_rows(rows: Sequence[Sequence[int]], length: int, value: int) -> NDArray[np.int64]:
    """Return (len(rows), length): each row, then ``value``."""
    padded = np.full((len(rows), length), value, dtype=np.int64)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


def _from_hub(text: Mapping[str, Any]) -> bool:
    return bool(text.get("hf_tokenizer_name") or text.get("hf_model_name"))


def _ignores_padding(text: Mapping[str, Any]) -> bool:
    """Say whether the pooled row is the same with and without padding.

    A text tower from the hub (XLM-RoBERTa) masks padding. OpenAI's is causal and reads its row at the
    end-of-text token, which stands before any padding. SigLIP's is neither; CoCa appends a token of its own.
    ``masks_padding`` is our own key, for towers that we export.
    """
    if "masks_padding" in text:
        return bool(text["masks_padding"])
    if text.get("hf_model_name"):
        return True
    causal = not text.get("no_causal_mask", False)
    return causal and text.get("pool_type", "argmax") in ("argmax", "eos") and not text.get("embed_cls", False)
