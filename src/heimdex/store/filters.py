"""A filter as one condition on the scene ``s``, put together from the named ones in ``sql/filters.sql``."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from psycopg import sql

from heimdex.domain.query import SearchFilter
from heimdex.store.queries import load_queries
from heimdex.store.rows import path_bytes

_SQL = load_queries("filters")
_TRUE = sql.SQL("true")


def admits(within: SearchFilter) -> tuple[sql.Composable, dict[str, Any]]:
    """Return the condition and the values of its placeholders; ``true`` for the filter that admits every scene."""
    values: dict[str, Any] = {}
    return _condition(within, values, count()), values


def by_video_alone(within: SearchFilter) -> bool:
    """Return whether every condition is one on the scene's video, so that ``s`` may be anything that has one."""
    nested = (*within.all_of, *within.any_of, *within.none_of)
    return not within.languages and within.has_speech is None and all(map(by_video_alone, nested))


def _condition(within: SearchFilter, values: dict[str, Any], numbers: Iterator[int]) -> sql.Composable:
    parts = [_filled(name, own, values, numbers) for name, own in _own(within)]
    parts += [_condition(each, values, numbers) for each in within.all_of]
    if within.any_of:
        parts.append(sql.SQL(" OR ").join(_condition(each, values, numbers) for each in within.any_of))
    parts += [sql.SQL("NOT ") + _bracketed(_condition(each, values, numbers)) for each in within.none_of]
    return sql.SQL(" AND ").join(map(_bracketed, parts)) if parts else _TRUE


def _own(within: SearchFilter) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the values of each condition that the filter itself sets."""
    if within.video_ids:
        yield "of_videos", {"video_ids": list(within.video_ids)}
    if within.folders:
        # without its last slash, so that the root is a prefix like any other
        yield "in_folders", {"folders": [path_bytes(folder).rstrip(b"/") for folder in within.folders]}
    facts = {
        "recorded_from": within.recorded_from, "recorded_before": within.recorded_before,
        "min_duration_s": within.min_duration_s, "max_duration_s": within.max_duration_s,
    }  # fmt: skip
    if any(value is not None for value in facts.values()):
        yield "of_video_facts", facts
    if within.languages:
        yield "in_languages", {"languages": sorted(within.languages)}
    if within.tags:
        yield "of_tags", {"tags": sorted(within.tags)}
    if within.has_speech is not None:
        yield "has_speech", {"has_speech": within.has_speech}


def _filled(name: str, own: dict[str, Any], values: dict[str, Any], numbers: Iterator[int]) -> sql.Composable:
    number = next(numbers)
    names = {key: f"filter_{number}_{key}" for key in own}
    values |= {names[key]: value for key, value in own.items()}
    return sql.SQL(_SQL[name]).format(**{key: sql.Placeholder(placeholder) for key, placeholder in names.items()})


def _bracketed(part: sql.Composable) -> sql.Composable:
    return sql.SQL("(") + part + sql.SQL(")")
