"""Every fault of the embedding service, in every mode, many times: is each answer right, and how long does it take?

    python -m benchmarks.faults [--queries 200]

The whole product over real sockets (`tests/faults/stack.py`): server, PostgreSQL, embedding service, and a
proxy that spoils what lies between. Settings are those that ship. A cell is right when every answer is HTTP
200, says why it is degraded, and has the order of mode skip. Queries differ, so that no vector is cached.
Latencies are those of a client that asks one query after the other; "breaker open" are the answers that came
while the service was left alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tests.faults.chaos import FAULTS
from tests.faults.stack import Stack, open_stack

from heimdex.search.plan import SearchConfig
from heimdex.telemetry.log import configure_logging

MODES = ("recall", "rerank", "skip", "auto")
#: as `research/reliability.md` section 7 counts them: one of each kind
KINDS = (
    "down", "blackhole", "slow", "dripping", "reset", "garbage", "dimension", "nan", "401", "429", "500", "503",
)  # fmt: skip
WARM = 20


def query(number: int) -> str:
    return f"red car driving past number {number}"


async def asked(stack: Stack, number: int, mode: str) -> tuple[int, dict[str, Any], float]:
    started = time.perf_counter()
    body = {"query": query(number), "mode": mode, "limit": 50, "include_weak": True}
    answer = await stack.http.post("/search", json=body)
    return answer.status_code, answer.json(), (time.perf_counter() - started) * 1000


def is_right(status: int, answer: dict[str, Any], mode: str, skip: dict[str, Any]) -> bool:
    def order(found: dict[str, Any]) -> list[tuple[str, float]]:
        return [(result["scene_id"], result["score"]) for result in found["results"]]

    lost = [reason for reason in answer.get("degraded_reasons", ()) if reason.startswith("clip_")]
    told = not answer.get("degraded") if mode == "skip" else len(lost) == 1
    return status == 200 and told and order(answer) == order(skip)


async def measure(queries: int) -> dict[str, Any]:
    configure_logging("ERROR", stderr=False)
    with tempfile.TemporaryDirectory() as folder:
        async with open_stack(Path(folder), None) as stack:
            await stack.restore()
            stack.library.search.reconfigure(
                replace(SearchConfig(), text_missing="", visual_missing="")  # the limits that ship
            )
            skips = [(await asked(stack, number, "skip"))[1] for number in range(queries)]
            healthy = [(await asked(stack, number, "recall"))[2] for number in range(queries)][WARM:]
            base_ms = float(np.percentile(healthy or [0.0], 99))
            right, wrong = 0, []
            closed: list[float] = []
            opened: list[float] = []
            for fault in KINDS:
                for mode in MODES:
                    stack.forget()
                    await stack.clip.spoil(fault)
                    for number in range(queries):
                        is_open = stack.breaker_is_open
                        status, answer, took_ms = await asked(stack, number, mode)
                        (opened if is_open else closed).append(took_ms)
                        if is_right(status, answer, mode, skips[number]):
                            right += 1
                        else:
                            wrong.append((fault, mode, status, answer.get("degraded_reasons")))
    return {
        "cells": len(KINDS) * len(MODES), "queries_each": queries, "right": right, "of": right + len(wrong),
        "wrong": wrong[:10], "healthy_p99_ms": round(base_ms, 1),
        "faulty_p99_ms": round(float(np.percentile(closed, 99)), 1),
        "breaker_open_p99_ms": round(float(np.percentile(opened or [0.0], 99)), 1),
        "breaker_open_answers": len(opened),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--queries", type=int, default=200, help="queries in each cell")
    assert set(KINDS) <= set(FAULTS)
    print(json.dumps(asyncio.run(measure(parser.parse_args().queries)), indent=2))


if __name__ == "__main__":
    main()
