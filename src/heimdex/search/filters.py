"""A filter as it is written in JSON, checked once: which scenes may be answered at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from heimdex.domain.errors import BadRequest
from heimdex.domain.ids import VideoId
from heimdex.domain.query import SearchFilter
from heimdex.domain.tags import tag_key

#: filters inside filters, and conditions in all: far more than anyone writes, few enough for one statement
MAX_DEPTH = 4
MAX_CONDITIONS = 64
MAX_VALUES = 1000
_LANGUAGE = re.compile(r"[a-z]{1,8}(-[a-z0-9]{1,8}){0,8}")
_NESTED = {"all": "all_of", "any": "any_of", "none": "none_of"}


def check_filter(written: Mapping[str, Any]) -> SearchFilter:
    """Return the filter that a JSON object describes.

    ``{"folders": ["/videos/2024"], "any": [{"languages": ["ko"]}, {"has_speech": false}]}``; dates without a
    time zone are UTC, and a day alone begins at midnight.

    Raises:
        BadRequest: an unknown condition, or a value that it cannot have.
    """
    if _count(written, 1) > MAX_CONDITIONS:
        raise BadRequest(f"The filter has more than {MAX_CONDITIONS} conditions.", remedy="Ask for less at once.")
    return _filter(written)


def _filter(written: Mapping[str, Any]) -> SearchFilter:
    given = {name: value for name, value in written.items() if value is not None}
    if unknown := sorted(set(given) - set(_CHECKS) - set(_NESTED)):
        raise BadRequest(
            f"There is no filter {str(unknown[0])[:40]!r}.", remedy=f"Choose from {', '.join([*_CHECKS, *_NESTED])}."
        )
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name in _NESTED:
            fields[_NESTED[name]] = tuple(_filter(each) for each in value)
        else:
            field, check = _CHECKS[name]
            fields[field] = check(name, value)
    found = SearchFilter(**fields)
    if found.recorded_from and found.recorded_before and found.recorded_from >= found.recorded_before:
        raise BadRequest("No date is both after and before.", remedy="Give `after` the earlier one.")
    return found


def _count(written: object, depth: int) -> int:
    """Return how many conditions there are, at any depth; refuse what is no filter at all."""
    if not isinstance(written, Mapping):
        raise BadRequest("A filter is an object.", remedy='For example: {"folders": ["/videos/2024"]}.')
    if depth > MAX_DEPTH:
        raise BadRequest("The filter is nested too deeply.", remedy=f"Use at most {MAX_DEPTH} levels.")
    nested = [each for name in _NESTED for each in _list(name, written.get(name) or [])]
    return len(written) + sum(_count(each, depth + 1) for each in nested)


def _list(name: str, value: object) -> list[Any]:
    if not isinstance(value, list | tuple | set | frozenset) or len(value) > MAX_VALUES:
        raise BadRequest(f"The filter {name} needs a list of at most {MAX_VALUES:,}.", remedy="Write it as [ … ].")
    return list(value)


def _videos(name: str, value: object) -> frozenset[VideoId]:
    try:
        return frozenset(VideoId(each if isinstance(each, UUID) else UUID(str(each))) for each in _some(name, value))
    except ValueError:
        raise BadRequest(
            "A video is named by its id.", remedy="`GET /v1/videos` lists them; a file is named by its path in folders."
        ) from None


def _folders(name: str, value: object) -> tuple[Path, ...]:
    folders = [Path(str(each)) for each in _some(name, value)]
    for folder in folders:
        if not folder.is_absolute() or "\0" in str(folder) or ".." in folder.parts:
            raise BadRequest(f"The folder {str(folder)[:80]!r} is not a whole path.", remedy="Begin it with a slash.")
    return tuple(folders)


def _date(name: str, value: object) -> datetime:
    if isinstance(value, str) and len(value) <= 40:
        try:
            date = datetime.fromisoformat(value)
            return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            pass
    raise BadRequest(f"{name} is no date.", remedy="Write it as 2024-05-31 or 2024-05-31T18:00:00+09:00.")


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise BadRequest(f"{name} is no duration.", remedy="Give seconds, 0 or more.")
    return float(value)


def _languages(name: str, value: object) -> frozenset[str]:
    tags = frozenset(str(each).lower().replace("_", "-") for each in _some(name, value))
    for tag in tags:
        if not _LANGUAGE.fullmatch(tag):
            raise BadRequest(f"There is no language {tag[:40]!r}.", remedy="Use tags such as en, ko or pt-BR.")
    return tags


def _tags(name: str, value: object) -> frozenset[str]:
    return frozenset(tag_key(str(each)) for each in _some(name, value))


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"{name} is true or false.", remedy="Leave it out to ask for both.")
    return value


def _some(name: str, value: object) -> list[Any]:
    """Return a list that is not empty: an empty one would admit everything, where nothing was meant."""
    found = _list(name, value)
    if not found:
        raise BadRequest(f"The filter {name} is empty.", remedy="Name one at least, or leave it out.")
    return found


_CHECKS: dict[str, tuple[str, Callable[[str, object], object]]] = {
    "video_ids": ("video_ids", _videos),
    "folders": ("folders", _folders),
    "after": ("recorded_from", _date),
    "before": ("recorded_before", _date),
    "min_duration_s": ("min_duration_s", _seconds),
    "max_duration_s": ("max_duration_s", _seconds),
    "languages": ("languages", _languages),
    "has_speech": ("has_speech", _flag),
    "tags": ("tags", _tags),
}
