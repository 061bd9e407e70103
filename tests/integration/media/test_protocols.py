"""FFmpeg, as heimdex opens files with it, reaches nothing but files."""

from __future__ import annotations

import socket

import av
import pytest

from heimdex.media.probe import _OPTIONS


def test_the_network_is_not_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        with pytest.raises(av.FFmpegError):
            av.open(f"http://127.0.0.1:{listener.getsockname()[1]}/a.mp4", options=dict(_OPTIONS), timeout=2)
        with pytest.raises(BlockingIOError):
            listener.accept()
