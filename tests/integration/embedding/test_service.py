"""The embedding service and its client, together and against each other's bad days."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image as PillowImage

from heimdex.domain.errors import BadRequest, EmbedderRejected, EmbedderUnavailable, SettingsInvalid
from heimdex.embedding.client import HttpEmbedder
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.server import check_exposure, create_embedding_app
from heimdex.embedding.signing import Key, Request, new_nonce, response_is_signed, sign, sign_response
from heimdex.ports import EmbeddingModel
from heimdex.testing.tiny_models import DIM, write_tiny_clip

KEY, OTHER = Key("new", b"n" * 32), Key("old", b"o" * 32)
TIMEOUT_S = 30.0
PNG = io.BytesIO()
PillowImage.new("RGB", (9, 7), (200, 10, 10)).save(PNG, "PNG")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalEmbedder:
    return LocalEmbedder(write_tiny_clip(tmp_path_factory.mktemp("models") / "tiny"), threads=1)


@pytest.fixture(scope="module")
def app(local: LocalEmbedder) -> Any:
    return create_embedding_app(local, [KEY, OTHER])


@pytest.fixture
async def http(app: Any) -> Any:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        yield client


def _headers(body: bytes, path: str = "/v1/embed/text", *, key: Key = KEY, at: float | None = None,
             content_type: str = "application/json", method: str = "POST") -> dict[str, str]:  # fmt: skip
    signed = Request(method, path.encode(), b"", content_type if body else "", body)
    stamp = int(time.time() if at is None else at)
    return sign(key, signed, timestamp=stamp, nonce=new_nonce()) | ({"Content-Type": content_type} if body else {})


async def _post(http: httpx.AsyncClient, content: object, **how: Any) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await http.post("/v1/embed/text", content=body, headers=_headers(body, **how))


async def test_text_and_texts_are_answered_in_the_wire_format(http: httpx.AsyncClient, local: LocalEmbedder) -> None:
    many = (await _post(http, {"texts": ["red car", "blue"]})).json()
    one = (await _post(http, {"text": "red car"})).json()

    expected = await local.embed_texts(["red car", "blue"], timeout_s=TIMEOUT_S)
    np.testing.assert_allclose(many["embeddings"], expected, atol=1e-6)
    np.testing.assert_allclose(one["embedding"], expected[0], atol=1e-6)
    assert one["embeddings"] == [one["embedding"]]
    assert "embedding" not in many
    assert (many["model"], many["dim"], many["normalized"]) == ("tiny", DIM, True)
    assert set(many["timings"]) == {"queue_ms", "inference_ms"}


async def test_pictures_come_as_parts_of_a_form(http: httpx.AsyncClient) -> None:
    files = [("image", (f"{i}.png", PNG.getvalue(), "image/png")) for i in range(3)]
    request = http.build_request("POST", "/v1/embed/image", files=files)
    body = await request.aread()
    headers = _headers(body, "/v1/embed/image", content_type=request.headers["content-type"])

    answer = await http.post("/v1/embed/image", content=body, headers=headers)

    assert answer.status_code == 200
    assert np.array(answer.json()["embeddings"]).shape == (3, DIM)


async def test_health_names_the_model_and_needs_no_signature(http: httpx.AsyncClient, local: LocalEmbedder) -> None:
    content = (await http.get("/health")).json()

    assert content["status"] == "ok"
    assert (content["model"], content["dim"], content["device"]) == ("tiny", DIM, "cpu")
    assert content["revision"] == local.model.revision


async def test_models_are_listed_to_those_who_sign(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/models")).status_code == 401
    signed = await http.get("/v1/models", headers=_headers(b"", "/v1/models", method="GET"))

    assert signed.json()["models"][0]["model"] == "tiny"


async def test_answers_are_signed_with_the_key_that_asked(http: httpx.AsyncClient) -> None:
    for key in (KEY, OTHER):
        body = b'{"text":"car"}'
        headers = _headers(body, key=key)
        answer = await http.post("/v1/embed/text", content=body, headers=headers)

        assert answer.headers["vs-key-id"] == key.id
        assert response_is_signed(
            key, answer.headers["vs-signature"], nonce=headers["VS-Nonce"], status=200, body=answer.content
        )


async def test_unsigned_and_wrongly_signed_requests_are_refused(http: httpx.AsyncClient) -> None:
    plain = await http.post("/v1/embed/text", json={"text": "car"})
    stranger = await _post(http, {"text": "car"}, key=Key("new", b"x" * 32))
    late = await _post(http, {"text": "car"}, at=time.time() + 120)

    assert [(a.status_code, a.json()["code"]) for a in (plain, stranger, late)] == [
        (401, "malformed_signature"),
        (401, "bad_signature"),
        (401, "clock_skew"),
    ]
    assert plain.headers["content-type"] == "application/problem+json"


async def test_a_request_is_believed_once(http: httpx.AsyncClient) -> None:
    body = b'{"text":"car"}'
    headers = _headers(body)
    codes = [(await http.post("/v1/embed/text", content=body, headers=headers)).status_code for _ in range(3)]

    assert codes == [200, 401, 401]


async def test_a_request_from_before_the_start_is_a_replay(http: httpx.AsyncClient) -> None:
    answer = await _post(http, {"text": "car"}, at=time.time() - 50)

    assert (answer.status_code, answer.json()["code"]) == (401, "replayed")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"[" * 50_000, {}, {"texts": []}, {"texts": ["a"] * 65}, {"texts": "car"}, {"texts": [1]},
     {"text": None}, {"text": "a", "model": "other"}, {"text": "a", "normalize": False}],
)  # fmt: skip
async def test_bodies_that_mean_nothing_are_422_with_a_remedy(http: httpx.AsyncClient, content: object) -> None:
    answer = await _post(http, content)

    assert answer.status_code == 422
    assert answer.json()["remedy"]


async def test_sizes_are_limited_before_anything_is_read(http: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        yield b"a" * 10

    large = await http.post("/v1/embed/text", content=b"a" * (64 * 1024 + 1))
    chunked = await http.post("/v1/embed/text", content=chunks())
    headers = await http.post("/v1/embed/text", content=b"{}", headers={"X": "a" * 9000})

    assert [a.status_code for a in (large, chunked, headers)] == [413, 411, 431]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n broken", PNG.getvalue()[:40]])
async def test_damaged_pictures_are_422(http: httpx.AsyncClient, content: bytes) -> None:
    request = http.build_request("POST", "/v1/embed/image", files=[("image", ("a.png", content, "image/png"))])
    body = await request.aread()
    headers = _headers(body, "/v1/embed/image", content_type=request.headers["content-type"])

    assert (await http.post("/v1/embed/image", content=body, headers=headers)).status_code == 422


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "multipart/form-data", "text/plain"])
async def test_forms_that_are_none_are_422(http: httpx.AsyncClient, content_type: str) -> None:
    body = b"--x\r\nnonsense"
    headers = _headers(body, "/v1/embed/image", content_type=content_type)

    assert (await http.post("/v1/embed/image", content=body, headers=headers)).status_code == 422


async def test_expired_work_never_reaches_the_model(http: httpx.AsyncClient) -> None:
    body = b'{"text":"car"}'
    answer = await http.post("/v1/embed/text", content=body, headers=_headers(body) | {"VS-Deadline-Ms": "0"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_nobody_is_served_unsigned_by_accident() -> None:
    check_exposure("0.0.0.0", [KEY], allow_unsigned=False)  # noqa: S104 - the point
    check_exposure("127.0.0.1", [], allow_unsigned=True)
    for host, allow in (("127.0.0.1", False), ("0.0.0.0", True), ("192.168.0.2", True)):  # noqa: S104
        with pytest.raises(BadRequest, match="no secret"):
            check_exposure(host, [], allow_unsigned=allow)


async def test_the_client_learns_the_model_from_the_service(app: Any, local: LocalEmbedder) -> None:
    client = HttpEmbedder("http://service", [KEY], transport=httpx.ASGITransport(app))
    with pytest.raises(EmbedderUnavailable, match="not said yet"):
        _ = client.model

    assert await client.discover(timeout_s=TIMEOUT_S) == local.model
    assert client.model.revision == local.model.revision


async def test_the_client_learns_what_the_model_can_read(tmp_path: Path) -> None:
    english = LocalEmbedder(write_tiny_clip(tmp_path / "english", config={"languages": ["en"]}), threads=1)
    app = create_embedding_app(english, [KEY])
    client = HttpEmbedder("http://service", [KEY], transport=httpx.ASGITransport(app))

    assert (await client.discover(timeout_s=TIMEOUT_S)).languages == ("en",)


async def test_many_callers_at_once_get_their_own_rows(app: Any, local: LocalEmbedder) -> None:
    client = HttpEmbedder("http://service", [KEY], transport=httpx.ASGITransport(app), model=local.model)
    texts = [f"{'red ' * (i % 4)}{'car' if i % 2 else 'dog'}" for i in range(60)]

    rows = await asyncio.gather(*(client.embed_texts([text], timeout_s=TIMEOUT_S) for text in texts))

    np.testing.assert_allclose(np.concatenate(rows), await local.embed_texts(texts, timeout_s=TIMEOUT_S), atol=1e-5)


MODEL = EmbeddingModel("tiny", "r1", 2)
Answer = Callable[[httpx.Request], httpx.Response]


def _client(*answers: Answer, max_retries: int = 1) -> tuple[HttpEmbedder, list[httpx.Request]]:
    """Return a client of a service that gives these answers in turn, the last one for ever."""
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1](request)

    transport = httpx.MockTransport(handle)
    return HttpEmbedder("http://service", [KEY], model=MODEL, transport=transport, max_retries=max_retries), asked


def _good(request: httpx.Request, **changes: object) -> httpx.Response:
    content = {"model": "tiny", "dim": 2, "embeddings": [[0.6, 0.8]]} | changes
    return _sealed(request, json.dumps(content).encode())


def _sealed(request: httpx.Request, body: bytes) -> httpx.Response:
    signature = sign_response(KEY, nonce=request.headers["VS-Nonce"], status=200, body=body)
    return httpx.Response(200, content=body, headers={"VS-Signature": signature})


def _status(status: int, **headers: str) -> Answer:
    return lambda _: httpx.Response(status, json={"code": "c", "detail": "d"}, headers=headers)


def _unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize("first", [_unreachable, _status(502), _status(503), _status(504), _status(429)])
async def test_a_transient_failure_is_tried_once_more_signed_anew(first: Answer) -> None:
    client, asked = _client(first, _good)

    assert (await client.embed_texts(["car"], timeout_s=5)).tolist() == [[np.float32(0.6), np.float32(0.8)]]
    assert len({request.headers["VS-Nonce"] for request in asked}) == len(asked) == 2
    assert len({request.headers["VS-Signature"] for request in asked}) == 2


@pytest.mark.parametrize("bad", [_status(400), _status(401), _status(403), _status(413), _status(422)])
async def test_a_refusal_is_not_tried_again(bad: Answer) -> None:
    client, asked = _client(bad)

    with pytest.raises(EmbedderRejected):
        await client.embed_texts(["car"], timeout_s=5)
    assert len(asked) == 1


async def test_a_refused_signature_says_401_and_stops_asking() -> None:
    client, asked = _client(_status(401))
    with pytest.raises(EmbedderRejected, match=r"^401 c d") as raised:
        await client.embed_texts(["car"], timeout_s=5)
    assert "CLIP_RUNPOD_SECRET" in raised.value.remedy

    # left alone, and still for the reason that it gave
    with pytest.raises(EmbedderRejected, match=r"^401 c d"):
        await client.embed_texts(["car"], timeout_s=5)
    assert len(asked) == 1


async def test_a_fault_inside_the_service_is_not_asked_for_again() -> None:
    client, asked = _client(_status(500), _good)

    with pytest.raises(EmbedderUnavailable, match="500"):
        await client.embed_texts(["car"], timeout_s=5)
    assert len(asked) == 1


async def test_however_many_want_to_know_the_model_one_asks(app: Any, local: LocalEmbedder) -> None:
    asked: list[str] = []

    class Counting(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return await super().handle_async_request(request)

    client = HttpEmbedder("http://service", [KEY], transport=Counting(app))
    rows = await asyncio.gather(*(client.embed_texts([], timeout_s=TIMEOUT_S) for _ in range(20)))

    assert asked == ["/health"]
    assert {row.shape for row in rows} == {(0, local.model.dim)}


async def test_a_service_that_does_not_say_its_model_is_left_alone_too() -> None:
    client, asked = _client(_status(503))
    client._model = None
    for _ in range(30):
        with pytest.raises(EmbedderUnavailable):
            await client.embed_texts(["car"], timeout_s=5)

    assert {request.url.path for request in asked} == {"/health"}
    assert len(asked) <= 12


async def test_retries_are_as_many_as_set() -> None:
    client, asked = _client(_status(503), max_retries=0)
    with pytest.raises(EmbedderUnavailable, match="503"):
        await client.embed_texts(["car"], timeout_s=5)
    assert len(asked) == 1


async def test_a_wait_beyond_the_deadline_is_not_waited() -> None:
    client, asked = _client(_status(429, **{"Retry-After": "60"}))

    with pytest.raises(EmbedderUnavailable, match="429"):
        await client.embed_texts(["car"], timeout_s=5)
    assert len(asked) == 1


async def test_a_service_that_keeps_failing_is_left_alone() -> None:
    client, asked = _client(_status(503))
    for _ in range(30):
        with pytest.raises(EmbedderUnavailable):
            await client.embed_texts(["car"], timeout_s=5)

    # the budget ends the retries, the breaker ends the calls
    assert len(asked) <= 12


async def test_one_with_less_time_does_not_wait_for_the_question_of_another() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    client = HttpEmbedder("http://service", [KEY], transport=httpx.MockTransport(hang))
    patient = asyncio.ensure_future(client.discover(timeout_s=4))
    await asyncio.sleep(0)
    with pytest.raises(EmbedderUnavailable, match="timed out"):
        await client.embed_texts(["car"], timeout_s=0.05)

    assert not patient.done()
    patient.cancel()
    await client.aclose()


async def test_a_first_attempt_that_hangs_leaves_time_for_another() -> None:
    asked = 0

    async def hang_once(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.sleep(3600)
        return _good(request)

    client = HttpEmbedder("http://service", [KEY], model=MODEL, transport=httpx.MockTransport(hang_once))

    assert (await client.embed_texts(["car"], timeout_s=2.5)).shape == (1, 2)
    assert asked == 2


async def test_all_attempts_together_keep_the_time() -> None:
    async def sleep(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        raise AssertionError

    client = HttpEmbedder("http://service", [KEY], model=MODEL, transport=httpx.MockTransport(sleep))

    with pytest.raises(EmbedderUnavailable, match="timed out"):
        await asyncio.wait_for(client.embed_texts(["car"], timeout_s=0.2), timeout=30)


@pytest.mark.parametrize(
    "bad",
    [
        {"model": "other"}, {"dim": 3}, {"dim": "2"}, {"revision": "r2"}, {"embeddings": []},
        {"embeddings": [[0.6, 0.8], [1, 0]]}, {"embeddings": [[1, 1]]}, {"embeddings": [[0, 0]]},
        {"embeddings": [["a", "b"]]}, {"embeddings": [[float("nan"), 0]]}, {"embeddings": [[float("inf"), 0]]},
        {"embeddings": [[0.6], [0.8, 1]]}, {"embeddings": None}, {"embeddings": {}},
    ],
)  # fmt: skip
async def test_no_bad_vector_gets_in(bad: dict[str, object]) -> None:
    client, asked = _client(lambda request: _good(request, **bad))

    with pytest.raises(EmbedderRejected):
        await client.embed_texts(["car"], timeout_s=5)
    assert len(asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b"[" * 100_000, b"\xff"])
async def test_garbage_is_rejected(body: bytes) -> None:
    client, _ = _client(lambda request: _sealed(request, body))

    with pytest.raises(EmbedderRejected):
        await client.embed_texts(["car"], timeout_s=5)


async def test_an_answer_that_nobody_signed_is_not_believed() -> None:
    client, _ = _client(lambda _: httpx.Response(200, json={"model": "tiny", "dim": 2, "embeddings": [[0.6, 0.8]]}))

    with pytest.raises(EmbedderRejected, match="not signed"):
        await client.embed_texts(["car"], timeout_s=5)


async def test_texts_and_pictures_are_split_to_the_services_limits(app: Any, local: LocalEmbedder) -> None:
    client = HttpEmbedder("http://service", [KEY], transport=httpx.ASGITransport(app), model=local.model)
    texts = [f"{'red' if i % 2 else 'blue'} {'빨간 ' * 900}" for i in range(150)]

    assert (await client.embed_texts(texts, timeout_s=TIMEOUT_S)).shape == (150, DIM)
    noise = np.random.default_rng(0).integers(0, 256, (2600, 2600, 3), dtype=np.uint8)
    assert (await client.embed_images([noise] * 2, timeout_s=TIMEOUT_S)).shape == (2, DIM)


@pytest.mark.parametrize(
    ("url", "keys"), [("service", [KEY]), ("ftp://service", [KEY]), ("http://", [KEY]), ("https://service", [])]
)
def test_addresses_that_cannot_be_used_are_refused(url: str, keys: Sequence[Key]) -> None:
    with pytest.raises(SettingsInvalid):
        HttpEmbedder(url, keys)


def test_a_service_on_this_machine_may_be_asked_unsigned(tmp_path: Path) -> None:
    assert HttpEmbedder("http://127.0.0.1:8001", [])


async def test_an_answer_that_does_not_end_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 100 << 20:
            sent += 1 << 20
            yield b" " * (1 << 20)

    client, _ = _client(lambda _: httpx.Response(200, content=endless()))

    with pytest.raises(EmbedderRejected, match="does not end"):
        await client.embed_texts(["car"], timeout_s=30)
    assert sent < 64 << 20


async def test_a_crowd_before_a_service_that_hangs_is_told_at_once() -> None:
    gone = asyncio.Event()

    async def hang(_: httpx.Request) -> httpx.Response:
        await gone.wait()
        return httpx.Response(503)

    client = HttpEmbedder("http://service", [KEY], model=MODEL, transport=httpx.MockTransport(hang))
    crowd = [asyncio.ensure_future(client.embed_texts(["car"], timeout_s=30)) for _ in range(128)]
    await asyncio.sleep(0)

    with pytest.raises(EmbedderUnavailable, match="128 requests wait"):
        await client.embed_texts(["car"], timeout_s=30)
    gone.set()
    await asyncio.gather(*crowd, return_exceptions=True)
