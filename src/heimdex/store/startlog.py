"""From the log of a server that did not start to one sentence and a remedy."""

from __future__ import annotations

from heimdex.domain.errors import StoreUnavailable

_KNOWN = (
    ("No space left on device", "Free some space on the disk of the data directory."),
    ("Disk quota exceeded", "Free some space: the quota of this user is used up."),
    ("Read-only file system", "Choose a HEIMDEX_DATA_DIR that can be written to."),
    ("could not map anonymous shared memory", "Free some memory, or end other programs."),
    ("could not create shared memory segment", "Raise the limits for shared memory (kernel.shmmax, kernel.shmall)."),
    ("Permission denied", "Check the owner and the mode of the data directory."),
    ("could not locate a valid checkpoint record", "The files are damaged: restore a backup into an empty folder."),
    ("cannot be run as root", "Run heimdex as an ordinary user."),
    ("error while loading shared libraries", "Install the missing library, or set DATABASE_URL."),
)


def explain_failure(log: str, what: str) -> StoreUnavailable:
    """Return the error to raise when the embedded server failed; ``log`` is the end of its log."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    sign, remedy = next(
        (pair for pair in _KNOWN if pair[0] in log), ("FATAL", "Read server.log in the data directory.")
    )
    telling = [line for line in lines if sign in line] or lines
    said = telling[-1] if telling else "it left no message"
    return StoreUnavailable(f"The embedded database did not start: {what} ({said}).", remedy=remedy)
