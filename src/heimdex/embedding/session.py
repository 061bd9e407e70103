"""ONNX Runtime: one session per file and process, opened when first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from heimdex.domain.errors import ModelInvalid

#: quickest first; what is not installed or does not start is passed over
_PROVIDERS = (
    "CUDAExecutionProvider",
    "CoreMLExecutionProvider",
    "OpenVINOExecutionProvider",
    "CPUExecutionProvider",
)
_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
#: more threads than this cost more than they bring for models of this size
_MOST_THREADS = 16
_FATAL_ONLY = 4


@dataclass(frozen=True, slots=True)
class _Opened:
    """A session, and what it says about itself: asked once, because each question costs as much as a small run."""

    session: Any
    #: of each input in the graph's order: name, type, shape
    inputs: tuple[tuple[str, type[np.generic], tuple[Any, ...]], ...]
    output: str


class Tower:
    """One ONNX graph. Safe for several threads."""

    def __init__(self, file: Path, threads: int = 0) -> None:
        self.file = file
        self._threads = threads
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the graph's inputs, in its order."""
        return tuple(name for name, _, _ in self._open().inputs)

    def input_size(self, axis: int) -> int | None:
        """Return the size that the first input is fixed to on ``axis``; None when the axis is dynamic."""
        _, _, shape = self._open().inputs[0]
        size = shape[axis] if axis < len(shape) else None
        return size if isinstance(size, int) and size > 0 else None

    def providers(self) -> tuple[str, ...]:
        """Return what the graph runs on, first choice first."""
        return tuple(self._open().session.get_providers())

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Return the first output as float32; inputs are cast to what the graph declares.

        Raises:
            ModelInvalid: the graph cannot be read, or fails on these shapes.
        """
        opened = self._open()
        cast = {name: inputs[name].astype(kind, copy=False) for name, kind, _ in opened.inputs}
        try:
            output = opened.session.run([opened.output], cast)[0]
        except Exception as error:  # ONNX Runtime has no base class of its own
            raise ModelInvalid(f"{self.file} failed while it ran: {_first_line(error)}.", remedy=_FETCH_AGAIN) from None
        return np.asarray(output, dtype=np.float32)

    def _open(self) -> _Opened:
        if self._opened is None:
            with self._lock:
                if self._opened is None:
                    self._opened = _describe(_new_session(self.file, self._threads))
        return self._opened


def _describe(session: Any) -> _Opened:
    inputs = tuple((i.name, _DTYPES.get(i.type, np.float32), tuple(i.shape)) for i in session.get_inputs())
    return _Opened(session, inputs, session.get_outputs()[0].name)


def device_of(providers: Sequence[str]) -> str:
    """Return the first choice of a session in one word: ``cpu``, ``cuda``, ``coreml``, ``openvino``."""
    return providers[0].removesuffix("ExecutionProvider").lower()


def runs_on_cpu() -> bool:
    """Whether nothing quicker than the CPU is present."""
    import onnxruntime  # type: ignore[import-untyped]  # here: 0.8 s that most commands do not need

    return not set(_PROVIDERS[:-1]) & set(onnxruntime.get_available_providers())


_towers: WeakValueDictionary[tuple[Path, int, int], Tower] = WeakValueDictionary()
_towers_lock = threading.Lock()


def tower(file: Path, threads: int = 0) -> Tower:
    """Return the process's tower for ``file``: the same one as long as somebody holds it and the file is unchanged."""
    file = file.resolve()
    key = (file, file.stat().st_mtime_ns, threads)
    with _towers_lock:
        found = _towers.get(key)
        if found is None:
            found = _towers[key] = Tower(file, threads)
        return found


def thread_count(asked: int) -> int:
    """Return the threads for one session: what was asked, or the cores that this process may use."""
    if asked > 0:
        return asked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return min(cores, _MOST_THREADS)


def _new_session(file: Path, threads: int) -> Any:
    import onnxruntime  # here, as above

    onnxruntime.set_default_logger_severity(_FATAL_ONLY)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    options.intra_op_num_threads = thread_count(threads)
    options.inter_op_num_threads = 1
    # a spinning pool steals the cores from the database and the decoder between two calls
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    present = set(onnxruntime.get_available_providers())
    wanted = [name for name in _PROVIDERS if name in present]
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=wanted)
    except Exception as error:  # ONNX Runtime has no base class of its own
        if wanted != ["CPUExecutionProvider"]:
            return _new_cpu_session(onnxruntime, file, options)
        raise _damaged(file, error) from None


def _new_cpu_session(onnxruntime: Any, file: Path, options: Any) -> Any:
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _damaged(file, error) from None


_FETCH_AGAIN = "Fetch the model again: `heimdex models pull NAME`, or copy the whole folder once more."


def _damaged(file: Path, error: Exception) -> ModelInvalid:
    return ModelInvalid(f"{file} is not a usable ONNX model: {_first_line(error)}.", remedy=_FETCH_AGAIN)


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:200]
