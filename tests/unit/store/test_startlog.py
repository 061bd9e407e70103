"""What a person reads when the embedded database does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from heimdex.store.embedded import configuration
from heimdex.store.startlog import explain_failure


@pytest.mark.parametrize(
    ("log", "said", "remedy"),
    [
        ("LOG: x\nFATAL:  could not write: No space left on device\nPANIC: y", "could not write", "Free some space"),
        ("FATAL:  something new", "something new", "server.log"),
        ("last words", "last words", "server.log"),
        ("", "it left no message", "server.log"),
    ],
)
def test_the_telling_line_and_a_remedy_are_given(log: str, said: str, remedy: str) -> None:
    error = explain_failure(log, "it ended")

    assert said in error.message
    assert remedy in error.remedy


def test_the_configuration_is_durable_private_and_modest() -> None:
    text = configuration(Path("/tmp/it's"), 64 << 30)

    for line in (
        "listen_addresses = ''", "fsync = on", "full_page_writes = on", "shared_buffers = 256MB", "jit = off",
        "max_wal_size = 1GB", "unix_socket_directories = '/tmp/it''s'",
    ):  # fmt: skip
        assert line in text.splitlines()
    assert "shared_buffers = 32MB" in configuration(Path("/tmp/x"), 1 << 28)
