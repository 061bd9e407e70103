"""Fetching a model from a model hub: explicit, resumable, checked, all or nothing.

`huggingface_hub` does the transfer, so ``HF_ENDPOINT``, ``HF_TOKEN``, proxies and
``HF_HUB_OFFLINE`` mean what its users expect. Only this module imports it.
"""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from heimdex.domain.errors import HeimdexError, ModelInvalid
from heimdex.embedding.checksum import file_sha256
from heimdex.embedding.folder import REQUIRED_FILES, read_clip_folder
from heimdex.embedding.lock import Locked, read_lock, refuse_change, write_lock
from heimdex.embedding.registry import KnownModel
from heimdex.embedding.text_local import read_text_folder

#: what a folder may have beside what it must have
_WELCOME = ("visual/*data", "textual/*data", "onnx/*data", "README.md", "LICENSE*")
_PARTIAL = ".partial"

Progress = Callable[[int, int], None]


def pull_model(
    model: KnownModel,
    models_dir: Path,
    *,
    revision: str = "main",
    accept_change: bool = False,
    endpoint: str | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> Path:
    """Download ``model`` into ``models_dir`` and return its folder; an interrupted download goes on where it stopped.

    Args:
        revision: branch, tag or commit on the hub.
        accept_change: take other bytes than those that the lock file remembers.
        endpoint: address of the hub; None takes ``HF_ENDPOINT`` or the public one.
        on_progress: called with the bytes that are here and the bytes of all files.

    Raises:
        ModelInvalid: no such model on the hub, no answer, another content than before, or damaged.
    """
    if not model.repository:
        raise ModelInvalid(f"{model.id} is not on a model hub.", remedy="See `heimdex models list` for how it comes.")
    models_dir.mkdir(parents=True, exist_ok=True)
    partial = models_dir / _PARTIAL / model.id
    commit, sizes, digests = _look_up(model, revision, endpoint)
    total = sum(sizes.values())
    _check_room(models_dir, total)
    done = [0]

    def count(more: int) -> None:
        done[0] += more
        on_progress(min(done[0], total), total)

    for name in sizes:
        _fetch(model, name, commit, partial, endpoint, count)
    found = Locked(model.repository, commit, {name: file_sha256(partial / name) for name in sorted(sizes)})
    _check_digests(model, found, digests, partial)
    if not accept_change:
        refuse_change(model.id, read_lock(models_dir).get(model.id), found)
    _check_folder(model, partial)
    return _install(model, partial, models_dir, found)


def _look_up(model: KnownModel, revision: str, endpoint: str | None) -> tuple[str, dict[str, int], dict[str, str]]:
    """Return the commit, name -> bytes of the files to fetch, and name -> SHA-256 where the hub publishes it."""
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint).model_info(model.repository, revision=revision, files_metadata=True, timeout=30)
    except Exception as error:  # the hub's own errors, httpx's, OSError: one answer for all
        raise _not_fetched(model, error) from None
    listed = {sibling.rfilename: sibling for sibling in info.siblings or []}
    needed = model.files or REQUIRED_FILES
    missing = [name for name in needed if name not in listed]
    if missing or not info.sha:
        raise ModelInvalid(
            f"{model.repository} on the hub lacks {', '.join(missing) or 'a revision'}.",
            remedy="Choose another model with `heimdex models list`, or bring a folder: `heimdex models add PATH`.",
        )
    wanted = [*needed, *(n for n in listed if n not in needed and any(fnmatch.fnmatch(n, p) for p in _WELCOME))]
    sizes = {name: int(listed[name].size or 0) for name in wanted}
    digests = {name: lfs["sha256"] for name in wanted if (lfs := listed[name].lfs) is not None}
    return info.sha, sizes, digests


def _fetch(
    model: KnownModel, name: str, commit: str, partial: Path, endpoint: str | None, count: Callable[[int], None]
) -> None:
    from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(
            model.repository,
            name,
            revision=commit,
            local_dir=partial,
            endpoint=endpoint,
            tqdm_class=_counting_bar(count),
        )
    except Exception as error:  # as above
        raise _not_fetched(model, error) from None


def _check_room(models_dir: Path, total: int) -> None:
    free = shutil.disk_usage(models_dir).free
    if free < total:
        raise ModelInvalid(
            f"The model needs {total >> 20} MiB; {models_dir} has {free >> 20} MiB free.",
            remedy="Make room, or move the data directory with HEIMDEX_DATA_DIR.",
        )


def _check_digests(model: KnownModel, found: Locked, digests: dict[str, str], partial: Path) -> None:
    for name, due in digests.items():
        if found.files[name] != due:
            # what is damaged must not be resumed from
            shutil.rmtree(partial, ignore_errors=True)
            raise ModelInvalid(
                f"{name} of {model.id} arrived damaged: its SHA-256 is not the hub's.",
                remedy=f"Run `heimdex models pull {model.id}` again.",
            )


def _check_folder(model: KnownModel, partial: Path) -> None:
    try:
        if model.kind == "clip":
            read_clip_folder(partial)
        else:
            read_text_folder(partial)
    except HeimdexError as error:
        raise ModelInvalid(
            f"{model.id} from the hub cannot be used: {error.message}",
            remedy="Choose another with `heimdex models list`.",
        ) from None


def _install(model: KnownModel, partial: Path, models_dir: Path, found: Locked) -> Path:
    """Put the folder in its place; a reader sees the old one or the new one."""
    # the hub's own notes on the transfer
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    folder, former = models_dir / model.id, models_dir / _PARTIAL / f"{model.id}.former"
    shutil.rmtree(former, ignore_errors=True)
    if folder.exists():
        folder.rename(former)
    partial.rename(folder)
    write_lock(models_dir, model.id, found)
    shutil.rmtree(former, ignore_errors=True)
    return folder


def _counting_bar(count: Callable[[int], None]) -> type[Any]:
    """Return a progress bar class for the hub that shows nothing and reports bytes."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **(kwargs | {"disable": True}))
            count(int(kwargs.get("initial") or 0))

        def update(self, n: float | None = 1) -> None:
            count(int(n or 0))

    return Bar


def _not_fetched(model: KnownModel, error: Exception) -> ModelInvalid:
    reasons: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = reasons[0].rstrip(".")[:200] if reasons else type(error).__name__
    return ModelInvalid(
        f"{model.id} could not be fetched from the hub: {reason}.",
        remedy=f"`heimdex models pull {model.id}` goes on where it stopped (HF_ENDPOINT and HTTPS_PROXY are honoured). "
        f"By hand: copy the folder of {model.repository} here, then `heimdex models add PATH`.",
    )
