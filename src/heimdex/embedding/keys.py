"""The secrets that client and service share, read from settings."""

from __future__ import annotations

from heimdex.domain.errors import SettingsInvalid
from heimdex.embedding.signing import LEAST_SECRET_BYTES, Key

_REMEDY = "Make one with `heimdex keygen` and set the same on both sides."


def parse_keys(secret: str | None, more: str = "") -> tuple[Key, ...]:
    """Return the keys, the one to sign with first.

    Args:
        secret: of ``CLIP_RUNPOD_SECRET``; its key id is ``default``.
        more: of ``HEIMDEX_EMBEDDING__KEYS``: ``id:secret,id:secret``, newest first. They come before
            ``secret``, so that a rotation is: add the new key on the service, then on the clients, then
            take the old one away.

    Raises:
        SettingsInvalid: a secret is shorter than 32 bytes, an id is not well-formed or comes twice.
    """
    named = [entry.strip().partition(":")[::2] for entry in more.split(",") if entry.strip()]
    if secret:
        named.append(("default", secret))
    keys = tuple(_key(key_id.strip(), value.strip()) for key_id, value in named)
    if len({key.id for key in keys}) < len(keys):
        raise SettingsInvalid("Two keys of the embedding service have the same id.", remedy="Give each its own.")
    return keys


def _key(key_id: str, secret: str) -> Key:
    try:
        return Key(key_id, secret.encode())
    except ValueError as error:
        short = len(secret.encode()) < LEAST_SECRET_BYTES
        setting = "CLIP_RUNPOD_SECRET" if key_id == "default" else "HEIMDEX_EMBEDDING__KEYS"
        remedy = _REMEDY if short else "Write it as id:secret,id:secret."
        raise SettingsInvalid(f"{setting}: {error}.", remedy=remedy) from None
