"""Which revision and which bytes of each model were first downloaded; a silent change is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from heimdex.domain.errors import ModelInvalid

LOCK_FILE = "models.lock.json"


@dataclass(frozen=True, slots=True)
class Locked:
    """One downloaded model."""

    repository: str
    #: commit of the repository on the hub
    revision: str
    #: path inside the folder -> SHA-256
    files: Mapping[str, str]


def read_lock(models_dir: Path) -> dict[str, Locked]:
    """Return name -> entry. Raises ModelInvalid when the file is damaged: it must not be taken for empty."""
    file = models_dir / LOCK_FILE
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text())
        return {name: Locked(**entry) for name, entry in content["models"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelInvalid(
            f"{file} cannot be read: {error}.",
            remedy="Restore it from a backup; or delete it and accept the models as they come next time.",
        ) from None


def write_lock(models_dir: Path, name: str, entry: Locked) -> None:
    """Set one entry. The file is replaced as a whole, never half written."""
    entries = read_lock(models_dir) | {name: entry}
    content = {"models": {key: asdict(value) for key, value in sorted(entries.items())}}
    file = models_dir / LOCK_FILE
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(file)


def refuse_change(name: str, former: Locked | None, found: Locked) -> None:
    """Raise ModelInvalid when ``found`` is not what was downloaded before."""
    if former is None or dict(former.files) == dict(found.files):
        return
    changed = sorted(key for key in {*former.files, *found.files} if former.files.get(key) != found.files.get(key))
    raise ModelInvalid(
        f"{name} on the hub is not what was downloaded before: {', '.join(changed)} changed "
        f"(revision {former.revision[:12]} then, {found.revision[:12]} now).",
        remedy=f"Vectors must not mix. To take it: `heimdex models pull {name} --accept-change`, and index again.",
    )
