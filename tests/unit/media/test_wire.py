from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdex.media import wire

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda v: st.lists(v, max_size=3),
    max_leaves=8,
)


@given(messages=st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=5), piece=st.integers(1, 9))
def test_messages_arrive_whole_however_they_are_cut(messages: list[dict[str, object]], piece: int) -> None:
    sent = b"".join(wire.encode(message) for message in messages)
    frames = wire.Frames()
    received = [m for at in range(0, len(sent), piece) for m in frames.push(sent[at : at + piece])]

    assert received == messages


@pytest.mark.parametrize(
    "nonsense", [b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x03abc", b"\0\0\0\x01\xff", b"Segmentation fault"]
)
def test_nonsense_is_refused(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        wire.Frames().push(nonsense)


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match="bytes"):
        wire.encode({"text": "x" * wire.MOST_BYTES})


@given(name=st.binary(min_size=1, max_size=60).filter(lambda b: b"\0" not in b))
def test_every_name_that_a_file_system_allows_gets_through(name: bytes) -> None:
    path = Path(os.fsdecode(name))

    assert wire.text_to_path(wire.path_to_text(path)) == path
