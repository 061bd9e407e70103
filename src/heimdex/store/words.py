"""Scenes whose transcript, or description, has the words that were asked for, scored by BM25.

PostgreSQL finds the scenes (GIN over tsvector, phrases as runs of positions) and counts how rare
each phrase is; the score is computed here from the positions, because ``ts_rank`` knows no rarity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql

from heimdex.domain.query import SearchFilter
from heimdex.domain.results import Candidate
from heimdex.ports import Retrieved, WordQuery
from heimdex.ranking.bm25 import bm25, idf, phrase_frequency
from heimdex.store.database import Connection
from heimdex.store.filters import admits
from heimdex.store.queries import load_queries
from heimdex.store.rows import tsquery_text

_SQL = load_queries("scene_index")
#: scenes scored exactly; when more match, those with the least telling matches are not looked at
_POOL = 2000
_PHRASES = 64


@dataclass(frozen=True, slots=True)
class Field:
    """The columns of one kind of text, and the condition under which its index serves."""

    words: str
    count: str
    scenes: str
    terms: str
    has: LiteralString

    @property
    def parts(self) -> dict[str, sql.Composable]:
        columns = {name: sql.Identifier(getattr(self, name)) for name in ("words", "count", "scenes", "terms")}
        return {**columns, "has": sql.SQL(self.has)}


SAID = Field("words", "word_count", "scenes_with_words", "terms", has="")
#: most scenes are not described: their index is a part of all
TOLD = Field("told", "told_count", "scenes_told", "told_terms", has="s.told_count > 0 AND")


async def match_words(
    connection: Connection, tenant: UUID, query: WordQuery, *, limit: int, within: SearchFilter, field: Field = SAID
) -> Retrieved:
    """Return at most ``limit`` scenes, best first; ties by scene id, so that answers repeat."""
    required = [phrase for phrase in dict.fromkeys(query.required) if phrase]
    phrases = [phrase for phrase in dict.fromkeys((*query.phrases, *required)) if phrase][:_PHRASES]
    if not phrases or limit < 1:
        return Retrieved([])
    wanted = [tsquery_text(phrase) for phrase in phrases]
    columns = field.parts
    counting = sql.SQL(_SQL["word_statistics"]).format(**columns)
    statistics = await (await connection.execute(counting, {"tenant": tenant, "phrases": wanted})).fetchone()
    documents, terms, frequencies = statistics if statistics is not None else (0, 0, [])
    if not documents:
        return Retrieved([])
    weights = [idf(int(documents), count) for count in frequencies]
    pool = max(limit, _POOL)
    worth = sql.SQL(" + ").join(
        sql.SQL(_SQL["worth_of_phrase"]).format(
            phrase=sql.Placeholder(f"phrase_{number}"),
            weight=sql.Placeholder(f"weight_{number}"),
            words=columns["words"],
        )
        for number in range(len(wanted))
    )
    bound: dict[str, Any] = {f"phrase_{number}": phrase for number, phrase in enumerate(wanted)}
    bound |= {f"weight_{number}": weight for number, weight in enumerate(weights)}
    admitted, filtering = admits(within)
    cursor = await connection.execute(
        sql.SQL(_SQL["matching_scenes"]).format(worth=worth, admitted=admitted, **columns),
        {
            **bound, **filtering, "tenant": tenant, "any": _condition(phrases, required, query.excluded),
            "terms": list({term for phrase in phrases for term in phrase}), "pool": pool,
        },
    )  # fmt: skip
    rows = await cursor.fetchall()
    average = int(terms) / int(documents)
    scored = [Candidate(row[0], _score(row, phrases, weights, average)) for row in rows]
    scored.sort(key=lambda candidate: (-candidate.raw, candidate.scene_id))
    return Retrieved(scored[:limit], exhaustive=len(rows) < pool)


def _condition(
    phrases: Sequence[tuple[str, ...]], required: Sequence[tuple[str, ...]], excluded: Sequence[tuple[str, ...]]
) -> str:
    """Return the tsquery of scenes to look at: every required phrase, or any phrase when none is, and none excluded."""
    chosen, operator = (required, " & ") if required else (phrases, " | ")
    wanted = operator.join(f"({tsquery_text(phrase)})" for phrase in chosen)
    unwanted = "".join(f" & !({tsquery_text(phrase)})" for phrase in excluded[:_PHRASES] if phrase)
    return f"({wanted}){unwanted}"


def _score(row: tuple[Any, ...], phrases: Sequence[tuple[str, ...]], weights: Sequence[float], average: float) -> float:
    _, word_count, lexemes, places = row
    positions = {
        lexeme: [int(place) for place in text.split(",")]
        for lexeme, text in zip(lexemes or (), places or (), strict=True)
        if text
    }
    counts = [phrase_frequency(phrase, positions) for phrase in phrases]
    return bm25(counts, weights, word_count, average)
