"""Single channels, and the database behind all of them, failing for real: locks, lost tables, a server that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql
from tests.faults.stack import BRISK_S, PATIENT_S, Stack, served
from tests.faults.test_degradation import ranking

from heimdex.domain.query import Channel
from heimdex.settings import load_settings
from heimdex.store import EmbeddedPostgres
from heimdex.store.spaces import relation_of
from heimdex.web.app import create_app
from heimdex.wiring import open_library

Statement = sql.SQL | sql.Composed
QUERY = "red car and violin"


def space(stack: Stack, channel: Channel) -> sql.Identifier:
    """Return the table that only ``channel`` reads."""
    model = stack.library.embedder.model if channel is Channel.VISUAL else stack.text.model
    return sql.Identifier(relation_of(channel, model))


@contextmanager
def locked(stack: Stack, *tables: sql.Composable) -> Iterator[None]:
    """Let every statement on the tables wait."""
    with psycopg.connect(stack.database_url) as connection:
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(tables)))
        yield
        connection.rollback()


@contextmanager
def altered(stack: Stack, change: Statement, back: Statement) -> Iterator[None]:
    with psycopg.connect(stack.database_url, autocommit=True) as connection:
        connection.execute(change)
        try:
            yield
        finally:
            connection.execute(back)


def rename(kind: str, name: sql.Composable, to: sql.Composable) -> sql.Composed:
    return sql.SQL("ALTER {} {} RENAME TO {}").format(sql.SQL(kind), name, to)


@pytest.mark.parametrize("channel", [Channel.VISUAL, Channel.TRANSCRIPT])
async def test_a_slow_channel_is_left_behind_and_the_others_answer(stack: Stack, channel: Channel) -> None:
    await stack.search(QUERY, mode="recall")
    stack.patience(channel_s=BRISK_S)
    with locked(stack, space(stack, channel)):
        answer = await stack.search(QUERY, mode="recall")

    assert answer["degraded_reasons"] == [f"{channel}_timeout"]
    assert answer["channels"][channel]["status"] == "timeout"
    assert answer["channels"]["lexical"]["status"] == "ok"
    if channel is Channel.VISUAL:
        assert ranking(answer) == ranking(await stack.search(QUERY, mode="skip"))


@pytest.mark.parametrize("channel", [Channel.VISUAL, Channel.TRANSCRIPT])
async def test_a_broken_channel_is_left_out_and_the_others_answer(stack: Stack, channel: Channel) -> None:
    table, gone = space(stack, channel), sql.Identifier("gone")
    with altered(stack, rename("TABLE", table, gone), rename("TABLE", gone, table)):
        answer = await stack.search(QUERY, mode="recall")

    assert answer["degraded_reasons"] == [f"{channel}_error"]
    assert answer["channels"][channel]["status"] == "error"
    assert answer["results"]
    assert sum(report["weight"] for report in answer["channels"].values()) == pytest.approx(1.0)


async def test_broken_words_leave_the_meaning_and_the_pictures(stack: Stack) -> None:
    column, gone = sql.SQL("ALTER TABLE scene RENAME COLUMN words TO gone"), "ALTER TABLE scene RENAME gone TO words"
    with altered(stack, column, sql.SQL(gone)):
        answer = await stack.search(QUERY, mode="recall")

    assert answer["degraded_reasons"] == ["lexical_error"]
    matched = {match["channel"] for hit in answer["results"] for match in hit["matched"]}
    assert matched == {"visual", "transcript", "summary"}  # the titles of the demo's files are descriptions


def renamed_scoring(name: str) -> tuple[sql.Composed, sql.Composed]:
    """Return the statements that take the scoring function away under a name, and bring it back."""
    real, taken = sql.SQL("batch_score_scenes"), sql.Identifier(name)
    types = sql.SQL("(text, vector, uuid[], uuid)")
    return rename("FUNCTION", real + types, taken), rename("FUNCTION", taken + types, real)


@pytest.mark.parametrize("fault", ["slow", "broken"])
async def test_a_failed_scoring_query_leaves_the_base_order(stack: Stack, fault: str) -> None:
    skip = ranking(await stack.search(QUERY, mode="skip"))
    await stack.search(QUERY, mode="rerank")
    stack.patience(channel_s=BRISK_S if fault == "slow" else PATIENT_S)
    if fault == "slow":
        with locked(stack, space(stack, Channel.VISUAL)):
            answer = await stack.search(QUERY, mode="rerank")
    else:
        with altered(stack, *renamed_scoring("gone")):
            answer = await stack.search(QUERY, mode="rerank")

    assert answer["degraded_reasons"] == ["rerank_error"]
    assert ranking(answer) == skip


async def test_a_similarity_that_is_no_number_drops_its_row_and_nothing_else(stack: Stack) -> None:
    fine = await stack.search(QUERY, mode="rerank")
    victim = fine["results"][0]["scene_id"]
    away, home = renamed_scoring("real_scores")
    poisoned = sql.SQL(
        """CREATE FUNCTION batch_score_scenes(space text, query vector, ids uuid[], tenant uuid)
        RETURNS TABLE (scene_id uuid, score double precision, frame_no smallint) LANGUAGE sql STABLE AS $$
        SELECT g.scene_id, CASE WHEN g.scene_id = {} THEN 'NaN' ELSE g.score END, g.frame_no
        FROM real_scores(space, query, ids, tenant) g $$"""
    ).format(sql.Literal(victim))
    there = sql.SQL("; ").join([away, poisoned])
    back = sql.SQL("; ").join([sql.SQL("DROP FUNCTION batch_score_scenes(text, vector, uuid[], uuid)"), home])
    with altered(stack, there, back):
        answer = await stack.search(QUERY, mode="rerank")

    assert not answer["degraded"]
    assert answer["channels"]["visual"]["candidates"] == fine["channels"]["visual"]["candidates"] - 1
    (hit,) = [result for result in answer["results"] if result["scene_id"] == victim]
    assert "visual" not in [match["channel"] for match in hit["matched"]]


async def test_no_channel_at_all_is_503(stack: Stack) -> None:
    stack.patience(channel_s=0.3)
    spaces = [space(stack, channel) for channel in (Channel.VISUAL, Channel.TRANSCRIPT, Channel.SUMMARY)]
    with locked(stack, *spaces, sql.Identifier("scene")):
        answer = await stack.http.post("/search", json={"query": QUERY, "mode": "recall"})

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "No search channel answered" in answer.json()["detail"]


async def test_a_database_that_is_down_is_told_and_comes_back(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    url = server.start()
    settings = load_settings(data_dir=tmp_path, database_url=url, embedding={"text_model": "none", "threads": 1})
    try:
        async with (
            open_library(settings) as library,
            served(create_app(library)) as (host, port),
            httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60) as http,
        ):
            assert (await http.get("/ready")).status_code == 200
            await asyncio.to_thread(server.stop)
            for _ in range(3):
                for mode in ("recall", "rerank", "skip", "auto"):
                    answer = await http.post("/search", json={"query": QUERY, "mode": mode})
                    assert answer.status_code == 503, answer.text
                    assert answer.headers["retry-after"] == "1"
                    assert answer.json()["remedy"]
            assert (await http.get("/livez")).status_code == 200
            ready = await http.get("/readyz")
            assert (ready.status_code, ready.headers["retry-after"]) == (503, "1")
            assert await asyncio.to_thread(server.start) == url
            assert (await http.post("/search", json={"query": QUERY})).status_code == 200
            assert (await http.get("/ready")).status_code == 200
    finally:
        server.stop()
        server.release(stop_if_last=False)
