"""A whole search beside its own SQL statements run bare, in a library of a size: 100,000 scenes unless told otherwise.

.venv/bin/python -m benchmarks.search
.venv/bin/python -m benchmarks.search --scenes 1000000 --tenants 1 --no-meaning

Each library is measured warm, from the side of one tenant, with query vectors made ahead. Reported are: the time
of `SearchEngine.search` over that of the very statements it issued, run one after the other on a plain connection
in the same transaction settings; recall against an exact scan with and without filters; eight clients beside one;
memory. Exit code 1 when a bar of the design is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil
import psycopg
import structlog

from benchmarks.made_library import MEANING, VISUAL, Shape, Space, Talk, folder_of, load
from heimdex.domain.query import Channel, Mode, SearchFilter, SearchRequest
from heimdex.domain.results import SearchAnswer
from heimdex.ports import Calibration, EmbeddingModel, Image, Matrix
from heimdex.search.engine import SearchEngine
from heimdex.search.plan import SearchConfig
from heimdex.store.database import Database
from heimdex.store.embedded import EmbeddedPostgres
from heimdex.store.migrate import migrate
from heimdex.store.opening import Store, open_store
from heimdex.store.spaces import Spaces

RATIO_BAR, RECALL_10_BAR, RECALL_200_BAR = 1.5, 0.99, 0.90
_PATIENT = SearchConfig(deadline_s=600, channel_timeout_s=600, clip_timeout_s=600)
_CLIENTS = 8
_SHARES = {"10 %": folder_of(0).parents[1], "1 %": folder_of(0).parents[0], "0.1 %": folder_of(0)}
#: made-up cosines fall short of those of a real model; a search labels and shows as much as it would there
_CALIBRATION = Calibration(weak=0.1, medium=0.2, strong=0.3)


@dataclass
class Prepared:
    """Both kinds of embedder, with every answer made ahead."""

    model: EmbeddingModel
    rows: dict[str, Matrix] = field(default_factory=dict)

    async def embed_texts(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return np.stack([self.rows[text] for text in texts])

    async def embed_queries(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        return await self.embed_texts(texts, timeout_s=timeout_s)

    async def embed_passages(self, texts: Sequence[str], *, timeout_s: float) -> Matrix:
        raise NotImplementedError

    async def embed_images(self, images: Sequence[Image], *, timeout_s: float) -> Matrix:
        raise NotImplementedError


@dataclass
class Bars:
    """What was asked of the product, and whether it holds."""

    missed: list[str] = field(default_factory=list)

    def check(self, what: str, value: float, bar: float, *, at_most: bool) -> str:
        holds = value <= bar if at_most else value >= bar
        if not holds:
            self.missed.append(what)
        return f"{what}: {value:.3f} ({'at most' if at_most else 'at least'} {bar}) {'holds' if holds else 'MISSED'}"


def main() -> int:
    """Return 0 when every bar holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100_000)
    parser.add_argument("--tenants", type=int, nargs="+", default=[10, 1], help="one library for each number")
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--frames", type=int, default=1, help="keyframes of a scene")
    parser.add_argument("--no-meaning", action="store_true", help="no vectors for the meaning of what is said")
    parser.add_argument("--at", type=Path, help="keep the libraries here, and use those that are there")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    bars = Bars()
    for tenants in options.tenants:
        shape = Shape(options.scenes, tenants, options.frames, meaning=not options.no_meaning)
        if options.at:
            asyncio.run(_measure(shape, options.at / f"{shape.scenes}x{tenants}", options.queries, bars))
        else:
            with tempfile.TemporaryDirectory(prefix="heimdex-bench-", ignore_cleanup_errors=True) as folder:
                asyncio.run(_measure(shape, Path(folder), options.queries, bars))
    print("\nmissed: " + "; ".join(bars.missed) if bars.missed else "\nevery bar holds")
    return 1 if bars.missed else 0


async def _measure(shape: Shape, folder: Path, queries: int, bars: Bars) -> None:
    print(f"\n{shape.scenes:,} scenes, {shape.tenants} tenant{'s' * (shape.tenants > 1)}, {shape.frames} keyframe(s)")
    mark = folder / "loaded"
    loaded = mark.exists()
    server = EmbeddedPostgres(folder)
    url = server.start()
    try:
        if not loaded:
            await _fill(url, shape)
            mark.touch()
        async with _opened(folder, shape) as store, _opened(folder, shape, exact_below=sys.maxsize) as exact:
            await _build(store)
            visual, text = Prepared(_calibrated(VISUAL)), Prepared(_calibrated(MEANING))
            requests = _requests(queries, visual, text)
            engine = SearchEngine(store.scenes, visual, text if shape.meaning else None, _PATIENT)
            await _ratio(engine, requests, store.url, bars)
            await _recall(store, exact, requests, [visual, text] if shape.meaning else [visual], bars)
            await _clients(engine, requests)
            print(f"memory of the process: {psutil.Process().memory_info().rss / 2**20:.0f} MiB")
    finally:
        server.stop()


async def _fill(url: str, shape: Shape) -> None:
    await migrate(url)
    database = Database(url, shape.tenant_ids[0])
    await Spaces(database).ensure(Channel.VISUAL, VISUAL)
    await Spaces(database).ensure(Channel.TRANSCRIPT, MEANING)
    await database.close()
    started = time.perf_counter()
    for _ in load(url, shape):
        pass
    took_s = time.perf_counter() - started
    print(f"loaded in {took_s:.0f} s, {shape.scenes / took_s:,.0f} scenes/s")


@asynccontextmanager
async def _opened(folder: Path, shape: Shape, exact_below: int | None = None) -> AsyncIterator[Store]:
    tenant = shape.tenant_ids[shape.tenants // 2]
    if exact_below is None:
        async with open_store(None, folder, tenant) as store:
            yield store
    else:
        async with open_store(None, folder, tenant, exact_below=exact_below) as store:
            yield store


async def _build(store: Store) -> None:
    started = time.perf_counter()
    for index in await store.vector_indexes.build_wanted(lambda index, fraction: None):
        took_s = time.perf_counter() - started
        print(f"built the index of {index.frames:,} vectors of {index.dim} dimensions ({took_s:.0f} s since the start)")


def _calibrated(model: EmbeddingModel) -> EmbeddingModel:
    return EmbeddingModel(model.model_id, model.revision, model.dim, calibration=_CALIBRATION)


def _requests(count: int, visual: Prepared, text: Prepared) -> list[SearchRequest]:
    """Return different queries, alternating between auto and recall; their vectors are known to the embedders."""
    rng, talk = np.random.default_rng(5), Talk()
    asked = list(dict.fromkeys(talk.query(rng) for _ in range(count)))
    for prepared, seed in ((visual, 11), (text, 12)):
        rows = Space.drawn(prepared.model.dim, seed).rows(len(asked), rng, queries=True)
        prepared.rows |= dict(zip(asked, rows, strict=True))
    return [SearchRequest(query, mode=(Mode.AUTO, Mode.RECALL)[n % 2]) for n, query in enumerate(asked)]


@contextmanager
def _recorded() -> Iterator[list[tuple[Any, Any, bool]]]:
    """Note every statement that any connection executes, with its values and format."""
    statements: list[tuple[Any, Any, bool]] = []
    original = psycopg.AsyncConnection.execute

    async def execute(self: Any, query: Any, params: Any = None, *, binary: bool = False, **options: Any) -> Any:
        statements.append((query, params, binary))
        return await original(self, query, params, binary=binary, **options)

    psycopg.AsyncConnection.execute = execute  # type: ignore[method-assign]
    try:
        yield statements
    finally:
        psycopg.AsyncConnection.execute = original  # type: ignore[method-assign]


def _bare_s(connection: psycopg.Connection, statements: Sequence[tuple[Any, Any, bool]]) -> float:
    """Return the seconds that the statements take, each sent and its rows read, and nothing else."""
    total = 0.0
    with connection.transaction():
        for query, params, binary in statements:
            started = time.perf_counter()
            cursor = connection.execute(query, params, binary=binary)
            if cursor.description is not None:
                cursor.fetchall()
            total += time.perf_counter() - started
    return total


async def _timed(engine: SearchEngine, request: SearchRequest) -> tuple[SearchAnswer, float]:
    started = time.perf_counter()
    answer = await engine.search(request)
    return answer, time.perf_counter() - started


async def _ratio(engine: SearchEngine, requests: Sequence[SearchRequest], url: str, bars: Bars) -> None:
    whole, bare, counts = [], [], []
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        for request in requests:
            with _recorded() as statements:
                answer, _ = await _timed(engine, request)  # also warms what this query needs
            assert not answer.degraded_reasons, answer.degraded_reasons
            pairs = []
            for _ in range(3):
                _, search_s = await _timed(engine, request)
                pairs.append((search_s, _bare_s(connection, statements)))
            whole.append(median(search_s for search_s, _ in pairs))
            bare.append(median(bare_s for _, bare_s in pairs))
            counts.append(len(statements))
    print(
        f"a search: {1000 * median(whole):.1f} ms, 95 % within {1000 * np.quantile(whole, 0.95):.1f} ms; "
        f"its {median(counts):.0f} statements bare: {1000 * median(bare):.1f} ms"
    )
    print(bars.check("search / bare statements, median", median(np.divide(whole, bare)), RATIO_BAR, at_most=True))


async def _recall(
    store: Store, exact: Store, requests: Sequence[SearchRequest], models: Sequence[Prepared], bars: Bars
) -> None:
    filters = {"no filter": SearchFilter()} | {
        share: SearchFilter(folders=(folder,)) for share, folder in _SHARES.items()
    }
    for prepared, channel in zip(models, (Channel.VISUAL, Channel.TRANSCRIPT), strict=False):
        for name, within in filters.items():
            first: list[float] = []
            all_200: list[float] = []
            times: tuple[list[float], list[float]] = ([], [])
            whole = 0
            for request in requests:
                query = prepared.rows[request.query]
                found = []
                for number, each in enumerate((store, exact)):
                    started = time.perf_counter()
                    found.append(await each.scenes.nearest(
                        channel, prepared.model, query, limit=200, within=within, timeout_s=600
                    ))  # fmt: skip
                    times[number].append(time.perf_counter() - started)
                got, right = ([c.scene_id for c in one.candidates] for one in found)
                assert len(got) == len(right), "the answer was starved"
                first.append(len(set(got) & set(right[:10])) / max(1, len(right[:10])))
                all_200.append(len(set(got) & set(right)) / max(1, len(right)))
                whole += found[0].exhaustive
                if found[0].exhaustive:
                    assert got == right, "said to be exhaustive, and is not"
            what = f"{channel.value}, {name}"
            print(
                f"{what}: {1000 * median(times[0]):.1f} ms, exact scan {1000 * median(times[1]):.1f} ms, "
                f"{len(got)} scenes, exhaustive {whole} of {len(requests)}"
            )
            print("  " + bars.check(f"recall@10 {what}", float(np.mean(first)), RECALL_10_BAR, at_most=False))
            print("  " + bars.check(f"recall@200 {what}", float(np.mean(all_200)), RECALL_200_BAR, at_most=False))


async def _clients(engine: SearchEngine, requests: Sequence[SearchRequest]) -> None:
    rates = []
    for clients in (1, _CLIENTS):
        share = [requests[number::clients] for number in range(clients)]
        started = time.perf_counter()
        times = [s for each in await asyncio.gather(*(_one_client(engine, own) for own in share)) for s in each]
        rates.append(len(requests) / (time.perf_counter() - started))
        print(
            f"{clients} client{'s' * (clients > 1)}: {rates[-1]:.1f} searches/s, "
            f"95 % within {1000 * np.quantile(times, 0.95):.0f} ms"
        )
    print(f"throughput of {_CLIENTS} clients over one: {rates[1] / rates[0]:.2f}")


async def _one_client(engine: SearchEngine, requests: Sequence[SearchRequest]) -> list[float]:
    return [(await _timed(engine, request))[1] for request in requests]


if __name__ == "__main__":
    sys.exit(main())
