"""Row-level security: each test turns off the WHERE clauses of the application and looks at what is left."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from psycopg import sql

from heimdex.domain.errors import NotFound, StoreUnavailable
from heimdex.domain.ids import TenantId, uuid7
from heimdex.domain.jobs import NewJob
from heimdex.domain.query import Channel, SearchFilter
from heimdex.ports import IndexedVideo, WordQuery
from heimdex.store import Store, open_store
from heimdex.store.database import Connection, Database
from heimdex.store.rows import vector_text
from heimdex.testing.library import VISUAL_MODEL, axis, described, made_up_video

OTHER = TenantId(UUID("00000000-0000-7000-8000-0000000000ff"))


@pytest.fixture
async def video(store: Store) -> IndexedVideo:
    """A video of the default tenant."""
    video = described(made_up_video(["hello world"]), ["a street at night"])
    await store.catalogue.publish(video)
    await store.preferences.save_weights({Channel.VISUAL: 1.0})
    await store.tags.add("holiday", [video.video_id])
    return video


async def tenant_relations(database: Database) -> list[str]:
    async def work(connection: Connection) -> list[str]:
        cursor = await connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1"
        )
        return [name for (name,) in await cursor.fetchall()]

    return await database.run_as_owner(work)


async def counts(database: Database, tenant: str | None) -> dict[str, int]:
    async def work(connection: Connection) -> dict[str, int]:
        await connection.execute("SELECT set_config('role', 'heimdex_app', true)")
        if tenant is not None:
            await connection.execute("SELECT set_config('heimdex.tenant', %s, true)", [tenant])
        found = {}
        for name in names:
            row = await (
                await connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
            ).fetchone()
            found[name] = row[0] if row else -1
        return found

    names = await tenant_relations(database)
    return await database.run_as_owner(work)


async def test_every_table_with_rows_of_tenants_forces_row_security(store: Store, video: IndexedVideo) -> None:
    async def work(connection: Connection) -> list[str]:
        cursor = await connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' "
            "AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
        return [name for (name,) in await cursor.fetchall()]

    assert await store.database.run_as_owner(work) == ["schema_migration"]
    assert any(name.startswith("emb_visual_8_") for name in await tenant_relations(store.database))


async def test_no_tenant_means_no_rows(store: Store, video: IndexedVideo) -> None:
    assert set((await counts(store.database, None)).values()) == {0}
    assert set((await counts(store.database, "")).values()) == {0}


async def test_another_tenant_sees_no_rows_and_the_own_one_does(store: Store, video: IndexedVideo) -> None:
    await store.jobs.enqueue([NewJob(Path("/waits.mp4"))], uuid7())
    await store.jobs.pause(True)
    own = await counts(store.database, str(store.database.tenant))
    assert set((await counts(store.database, str(OTHER))).values()) == {0}
    assert {name for name, count in own.items() if count == 0} == set()


async def test_a_role_that_bypasses_row_security_is_never_the_one_that_works(store: Store) -> None:
    async def work(connection: Connection) -> tuple[object, ...]:
        row = await (
            await connection.execute(
                "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
            )
        ).fetchone()
        assert row is not None
        return row

    assert await store.database.run(work) == ("heimdex_app", False, False)


async def test_rows_for_another_tenant_cannot_be_written(store: Store) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO tenant (tenant_id, name) VALUES (%s, 'x')", [OTHER])

    with pytest.raises(StoreUnavailable, match="new row violates row-level security"):
        await store.database.run(work)


async def test_the_application_cannot_change_the_schema(store: Store) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute("ALTER TABLE video DISABLE ROW LEVEL SECURITY")

    with pytest.raises(StoreUnavailable, match="must be owner of table video"):
        await store.database.run(work)


async def test_the_tenant_does_not_stay_on_a_pooled_connection(database_url: str) -> None:
    database = Database(database_url, OTHER, connections=1)

    async def nothing(connection: Connection) -> None:
        return None

    async def left_over(connection: Connection) -> tuple[object, ...]:
        row = await (
            await connection.execute("SELECT nullif(current_setting('heimdex.tenant', true), ''), current_user")
        ).fetchone()
        assert row is not None
        return row

    try:
        await database.run(nothing)
        assert await database.run_as_owner(left_over) == (None, "heimdex")
    finally:
        await database.close()


async def test_a_foreign_library_is_as_good_as_absent(store: Store, video: IndexedVideo, database_url: str) -> None:
    async with open_store(database_url, Path("/unused"), OTHER) as foreign:
        assert (await foreign.catalogue.status()).videos == 0
        assert await foreign.catalogue.known_file(video.file.path) is None
        assert await foreign.catalogue.find_content(video.file.sha256, video.fingerprint) is None
        with pytest.raises(NotFound):
            await foreign.shelf.video(video.video_id)
        with pytest.raises(NotFound):
            await foreign.shelf.thumbnail(video.scenes[0].scene_id)
        assert await foreign.scenes.details([video.scenes[0].scene_id]) == {}
        found = await foreign.scenes.nearest(
            Channel.VISUAL, VISUAL_MODEL, axis(8, 0), limit=5, within=SearchFilter(), timeout_s=5
        )
        assert found.candidates == []
        words = await foreign.scenes.match_words(
            WordQuery((("hello",),)), limit=5, within=SearchFilter(), timeout_s=5
        )  # fmt: skip
        assert words.candidates == []
        # the same content may be in both libraries: nothing is unique across tenants
        await foreign.catalogue.publish(video)
        assert (await foreign.catalogue.status()).videos == 1


async def test_the_scoring_function_gives_nothing_of_another_tenant(store: Store, video: IndexedVideo) -> None:
    async def score(connection: Connection) -> int:
        cursor = await connection.execute(
            "SELECT * FROM batch_score_scenes_clip(%s::vector, %s, %s)",
            [vector_text(axis(8, 0)), [video.scenes[0].scene_id], store.database.tenant],
        )
        return len(await cursor.fetchall())

    async def as_nobody(connection: Connection) -> int:
        await connection.execute("SELECT set_config('heimdex.tenant', %s, true)", [str(uuid7())])
        return await score(connection)

    assert await store.database.run(score) == 1
    assert await store.database.run(as_nobody) == 0


async def test_row_security_leaves_full_text_search_its_index(store: Store) -> None:
    async def analyse(connection: Connection) -> None:
        await connection.execute("ANALYZE scene")

    async def plan(connection: Connection) -> str:
        await connection.execute("SET LOCAL enable_seqscan = off")
        cursor = await connection.execute(
            "EXPLAIN SELECT 1 FROM scene WHERE tenant_id = %s AND words @@ %s::tsquery",
            [store.database.tenant, "'word7'"],
        )
        return "\n".join(line for (line,) in await cursor.fetchall())

    words = [f"word{number}" for number in range(500)]
    await store.catalogue.publish(made_up_video(words, visual_model=None, meaning_model=None))
    await store.database.run_as_owner(analyse)
    assert "Index Cond: (words @@" in await store.database.run(plan)
