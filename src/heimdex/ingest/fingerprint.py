"""Of what a published video depends on: another fingerprint means that it is made again.

``<settings>``, with ``~fast`` behind it in the fast mode and ``+<text beside it>`` where there is some;
``!<limits>`` ends that of an unreadable file, so that raising a limit tries it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from heimdex.domain.media import Segment

#: of the steps after decoding: raised when they make something else from the same input
_VERSION = 2
#: ends the fingerprint of what the fast mode made: a full pass is worth more, never less
FAST = "~fast"


def of_settings(decoding: str) -> str:
    """Return the part that all files of a run share. Models are no part: `heimdex.ingest.backfill` follows them."""
    full = decoding.removesuffix(FAST)
    return _digest([_VERSION, full]) + decoding[len(full) :]


def with_text(settings: str, said: Sequence[Segment], told: Sequence[Segment] = ()) -> str:
    """Add the text that lies beside the content, nothing when there is none."""
    if not said and not told:
        return settings
    lines = [[[s.span.start_s, s.span.end_s, s.text, s.language] for s in each] for each in (said, told)]
    return f"{settings}+{_digest(lines)}"


def with_limits(fingerprint: str, limits: str) -> str:
    """Add the limits that refused a file."""
    return f"{fingerprint}!{limits}"


def enough(wanted: str) -> tuple[str, ...]:
    """Return the fingerprints that will do where ``wanted`` is asked for: of a full pass too in the fast mode."""
    return tuple(dict.fromkeys((wanted.replace(FAST, ""), wanted)))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=True).encode()).hexdigest()[:16]
