"""The whole product with chaos in between; built once for all tests here."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from tests.conftest import _other_database
from tests.faults.stack import PATIENT_S, Stack, open_stack

from heimdex.search import saved
from heimdex.testing.clips import Shot, picture, play, write_clip

SRT = "1\n00:00:00,500 --> 00:00:01,500\nhello\n\n2\n00:00:04,500 --> 00:00:05,500\ngoodbye\n"
NewDatabase = Callable[[], str]


@pytest.fixture(scope="session")
async def whole_stack(
    postgres_server: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE chaos TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(migrated_template)))
    async with open_stack(tmp_path_factory.mktemp("chaos"), _other_database(postgres_server, "chaos")) as stack:
        yield stack


@pytest.fixture
async def stack(whole_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """Everything healthy, nothing remembered."""
    monkeypatch.setattr(saved, "_PATIENCE_S", PATIENT_S)  # a busy machine is no fault of these tests
    await whole_stack.restore()
    yield whole_stack
    await whole_stack.restore()


@pytest.fixture(scope="session")
def new_database(postgres_server: str, migrated_template: str) -> Iterator[NewDatabase]:
    """Makes databases with the schema and no rows."""
    made: list[str] = []

    def make() -> str:
        made.append(f"killed_{uuid4().hex}")
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(made[-1]), sql.Identifier(migrated_template)
                )
            )
        return _other_database(postgres_server, made[-1])

    yield make
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def many_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that end in every way: videos with text, copies, broken ones. Their decoder is scripted."""
    folder = tmp_path_factory.mktemp("many kinds")
    for number in range(10):
        (folder / f"video {number}.mp4").write_bytes(b"content %d" % number)
    for number in range(6):
        (folder / f"copy {number}.mp4").write_bytes(b"content %d" % number)
        (folder / f"wrong {number}.mp4").write_bytes(b"broken %d" % number)
    for number in (0, 9):
        (folder / f"video {number}.srt").write_text(SRT)
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real clips, for the real decoder."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(4):
        shots = [Shot(picture(10 * number + n, width=320, height=180), 2, grain=3) for n in range(3)]
        write_clip(folder / f"{number}.mp4", play(shots))
    (folder / "0.srt").write_text(SRT)
    shutil.copy(folder / "1.mp4", folder / "1 again.mp4")
    return folder
