"""VS-HMAC-SHA256-V1: the published vectors, and nothing altered is believed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from heimdex.domain.errors import SettingsInvalid
from heimdex.embedding.keys import parse_keys
from heimdex.embedding.nonces import TTL_S, NonceMemory, Seen
from heimdex.embedding.signing import (
    Key,
    Request,
    SignatureRefused,
    new_nonce,
    response_is_signed,
    sign,
    sign_response,
    verify,
)

K1, K2 = Key("k1", bytes(range(0x20))), Key("k2", bytes(range(0x20, 0x40)))
TIME = 1766880000
NONCE = bytes(range(16)).hex()
V1 = Request("POST", b"/v1/embed/text", b"", "application/json",
             b'{"model":"ViT-B-32/openai","normalize":true,"texts":["red car"]}')  # fmt: skip
V2 = Request("GET", b"/v1/models", b"b=2&a=1")
V3 = replace(V1, body=V1.body.replace(b"red car", "빨간 자동차".encode()))


def _signed(key: Key, request: Request, nonce: str = NONCE, timestamp: int = TIME) -> dict[str, str]:
    return {name.lower(): value for name, value in sign(key, request, timestamp=timestamp, nonce=nonce).items()}


@pytest.mark.parametrize(
    ("key", "request_", "nonce", "expected"),
    [
        (K1, V1, NONCE, "93b8201576243bc762ec83dffcc9712dbd7d6907f45565102b1fcdbef511d08c"),
        (K1, V2, NONCE, "e43b6d2557c9426a6f69375dcd79ceb3edd0f282d66229481592382b8149eeda"),
        (K2, V3, bytes(range(0xF0, 0x100)).hex(), "bcb14bd81fdb634b1ed576260e9860dd12120929d1e1249419ccd3c42b902974"),
    ],
)
def test_published_vectors_of_requests(key: Key, request_: Request, nonce: str, expected: str) -> None:
    headers = _signed(key, request_, nonce)

    assert headers["vs-signature"] == f"v1={expected}"
    assert verify([K2, K1], request_, headers, now=TIME) == (key, nonce)


def test_published_vector_of_an_answer() -> None:
    body = b'{"dim":2,"embeddings":[[0.6,0.8]]}'
    signature = sign_response(K1, nonce=NONCE, status=200, body=body)

    assert signature == "v1=6c02ed207f2631cdec6bd41354b97f4ea937595718de38c5219bf326e9166c18"
    assert response_is_signed(K1, signature, nonce=NONCE, status=200, body=body)


@pytest.mark.parametrize(
    "altered",
    [{"nonce": new_nonce()}, {"status": 503}, {"body": b"{}"}, {"key": K2}, {"signature": None}, {"signature": "v1=é"}],
)
def test_an_altered_answer_is_not_believed(altered: dict[str, object]) -> None:
    answer: dict[str, object] = {"nonce": NONCE, "status": 200, "body": b"[]"}
    signature = sign_response(K1, nonce=NONCE, status=200, body=b"[]")
    arguments = {"key": K1, "signature": signature} | answer | altered

    assert not response_is_signed(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "altered",
    [{"method": "GET"}, {"path": b"/v1/embed/text/"}, {"query": b"a"}, {"content_type": "text/plain"}, {"body": b""}],
)
def test_every_part_of_a_request_is_signed(altered: dict[str, object]) -> None:
    with pytest.raises(SignatureRefused) as raised:
        verify([K1], replace(V1, **altered), _signed(K1, V1), now=TIME)  # type: ignore[arg-type]
    assert raised.value.code == "bad_signature"


def test_no_altered_byte_of_ten_thousand_is_believed() -> None:
    chance = random.Random(1)
    signed = _signed(K1, V1)
    for _ in range(10_000):
        headers, request = dict(signed), V1
        name = chance.choice([*headers, "body"])
        value = bytearray(request.body if name == "body" else headers[name].encode())
        value[chance.randrange(len(value))] ^= chance.randrange(1, 256)
        if name == "body":
            request = replace(request, body=bytes(value))
        else:
            headers[name] = value.decode("latin-1")

        with pytest.raises(SignatureRefused):
            verify([K1], request, headers, now=TIME)


@pytest.mark.parametrize("seconds", [-61, 61, -3600, 10**8])
def test_a_request_of_another_time_is_refused_and_told_the_difference(seconds: int) -> None:
    with pytest.raises(SignatureRefused, match=f"differs by {abs(seconds)} s, allowed 60 s; check NTP") as raised:
        verify([K1], V1, _signed(K1, V1), now=TIME - seconds)
    assert raised.value.code == "clock_skew"


def test_a_stranger_does_not_learn_our_clock() -> None:
    with pytest.raises(SignatureRefused) as raised:
        verify([K1], V1, _signed(Key("k1", bytes(32)), V1), now=TIME + 10_000)
    assert raised.value.code == "bad_signature"


def test_an_unknown_key_looks_like_a_wrong_signature() -> None:
    with pytest.raises(SignatureRefused) as raised:
        verify([K2], V1, _signed(K1, V1), now=TIME)
    assert raised.value.code == "bad_signature"


@pytest.mark.parametrize("name", ["vs-key-id", "vs-timestamp", "vs-nonce", "vs-signature"])
@pytest.mark.parametrize("value", [None, "", "X", "v1=00", "é", "a\n"])
def test_malformed_headers_are_called_so(name: str, value: str | None) -> None:
    headers = _signed(K1, V1)
    if value is None:
        del headers[name]
    else:
        headers[name] = value

    with pytest.raises(SignatureRefused) as raised:
        verify([K1], V1, headers, now=TIME)
    assert raised.value.code == "malformed_signature"


def test_fields_cannot_run_into_each_other() -> None:
    with pytest.raises(SignatureRefused):
        sign(K1, replace(V2, query=b"a\nb"), timestamp=TIME, nonce=NONCE)


def test_a_secret_does_not_show() -> None:
    assert "k1" in repr(K1)
    assert "secret" not in repr(K1)


def test_keys_come_newest_first_and_the_plain_secret_last() -> None:
    keys = parse_keys("d" * 32, f"new:{'n' * 32}, old:{'o' * 40}")

    assert [key.id for key in keys] == ["new", "old", "default"]
    assert parse_keys(None) == ()


@pytest.mark.parametrize(
    ("secret", "more", "says"),
    [
        ("short", "", "heimdex keygen"),
        (None, "k:short", "heimdex keygen"),
        (None, f"Big Id:{'n' * 32}", "id:secret"),
        ("d" * 32, f"default:{'n' * 32}", "own"),
    ],
)
def test_keys_that_cannot_be_are_refused_with_a_remedy(secret: str | None, more: str, says: str) -> None:
    with pytest.raises(SettingsInvalid) as raised:
        parse_keys(secret, more)
    assert says in raised.value.remedy
    assert "short" not in raised.value.message.replace("shorter", "")


def test_a_nonce_is_believed_once_until_its_time_is_over() -> None:
    memory = NonceMemory()

    assert memory.remember("k1", NONCE, now=0) is Seen.NEW
    assert memory.remember("k1", NONCE, now=TTL_S - 1) is Seen.REPLAYED
    assert memory.remember("k2", NONCE, now=1) is Seen.NEW
    assert memory.remember("k1", NONCE, now=TTL_S) is Seen.NEW


def test_a_full_memory_refuses_rather_than_forgets() -> None:
    memory = NonceMemory(capacity=2)
    memory.remember("k", "a", now=0)
    memory.remember("k", "b", now=1)

    assert memory.remember("k", "c", now=2) is Seen.FULL
    assert memory.remember("k", "a", now=2) is Seen.REPLAYED
    assert memory.remember("k", "c", now=TTL_S) is Seen.NEW
