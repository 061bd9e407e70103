"""Identifiers that the client makes, so that no database has to hand them out."""

from __future__ import annotations

import os
import time
from typing import NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
VideoId = NewType("VideoId", UUID)
SceneId = NewType("SceneId", UUID)

#: The tenant of a library that never asked for tenants.
DEFAULT_TENANT = TenantId(UUID("00000000-0000-7000-8000-000000000001"))


def uuid7() -> UUID:
    """Return a time-ordered UUID, version 7 (RFC 9562 section 5.7): 48 bits of Unix ms, then random."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
