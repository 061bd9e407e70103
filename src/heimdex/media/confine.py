"""What the decoder's process gives up before it looks at a file: network, other processes, writing elsewhere.

On Linux a filter on system calls (seccomp) refuses sockets and processes, for root and for everyone else,
in containers too; where the filter is not to be had, an empty network namespace. Landlock (Linux 5.13)
refuses to open anything for writing outside of one folder. Elsewhere nothing of this exists, and the
whitelist of protocols is what keeps a file from reaching the network.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

NETWORK, PROCESSES, FILES = "network", "processes", "files"

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE, _UNKNOWN_CALL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_CLONE_THREAD, _CLONE_NEWUSER, _CLONE_NEWNET = 0x10000, 0x10000000, 0x40000000
_X32_CALLS = 0x40000000
#: the first argument of a call within `seccomp_data`, lower half
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_CLONE3 = 435
#: machine -> its code, its number of clone, and of what is refused: socket, socketpair, connect, execve,
#: execveat, ptrace, kill, io_uring_setup, pidfd_send_signal, and fork and vfork where they exist
_MACHINES: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, 56, (41, 53, 42, 59, 322, 101, 62, 425, 424, 57, 58)),
    "aarch64": (0xC00000B7, 220, (198, 199, 203, 221, 281, 117, 129, 425, 424)),
}

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
#: write, remove, make files, folders, links, pipes, sockets and devices; then truncate
_LANDLOCK_WRITING, _LANDLOCK_TRUNCATE = 0b1_1111_1111_0010, 1 << 14


def refuse_calls() -> bool:
    """Refuse sockets, new processes and signals to others, for good. Returns whether that holds now."""
    if sys.platform != "linux" or platform.machine() not in _MACHINES or sys.byteorder != "little":
        return False
    program = _filter(*_MACHINES[platform.machine()])
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return False
    return bool(prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0) == 0)


def leave_network() -> bool:
    """Enter a network namespace without any device, as root or as anyone. Returns whether that worked."""
    if sys.platform != "linux":
        return False
    unshare = ctypes.CDLL(None, use_errno=True).unshare
    # a user namespace would take from root the files of others
    return any(unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def write_only_in(folder: Path) -> bool:
    """Refuse to open for writing what does not lie in ``folder``, for good. Returns whether that holds now."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    call: Callable[..., int] = libc.syscall
    version = call(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    access = _LANDLOCK_WRITING | (_LANDLOCK_TRUNCATE if version >= 3 else 0)
    rules = call(_LANDLOCK_CREATE, struct.pack("=Q", access), ctypes.c_size_t(8), ctypes.c_uint32(0))
    if rules < 0:
        return False
    place = os.open(folder, os.O_RDONLY)
    try:
        rule = struct.pack("=Qi", access, place)
        return (
            call(_LANDLOCK_ADD, rules, 1, rule, ctypes.c_uint32(0)) == 0
            and libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            and call(_LANDLOCK_RESTRICT, rules, ctypes.c_uint32(0)) == 0
        )
    finally:
        os.close(place)
        os.close(rules)


def examine(elsewhere: Path) -> dict[str, bool]:
    """Try what should be refused, and return what is: nothing that is only hoped for counts.

    Args:
        elsewhere: a file outside of the folder that may be written to; left behind empty when nothing refuses.
    """
    return {
        NETWORK: _is_refused(_reach_network),
        PROCESSES: _is_refused(_start_process),
        FILES: _is_refused(lambda: elsewhere.touch()),
    }


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _reach_network() -> None:
    """Fail as anything would that wants to send: without a socket, or without a way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("192.0.2.1", 9))  # RFC 5737: nobody; a datagram socket sends nothing by this


def _start_process() -> None:
    if (child := os.fork()) == 0:
        os._exit(0)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(child, 0)


def _filter(machine: int, clone: int, refused: Sequence[int]) -> bytes:
    """Return the BPF program: 8 bytes an instruction; jumps are forward, counted from the next one."""
    length = len(refused) + 11
    refuse, unknown, allow = length - 2, length - 3, length - 1
    program: list[tuple[int, int, int, int]] = []

    def step(code: int, value: int, yes: int | None = None, no: int | None = None) -> None:
        after = len(program) + 1
        program.append((code, yes - after if yes else 0, no - after if no else 0, value))

    step(_LOAD, _ARCHITECTURE)
    step(_IF_EQUAL, machine, no=refuse)
    step(_LOAD, _NUMBER)
    step(_IF_AT_LEAST, _X32_CALLS, yes=refuse)
    for number in refused:
        step(_IF_EQUAL, number, yes=refuse)
    step(_IF_EQUAL, _CLONE3, yes=unknown)  # its flags lie in memory; C libraries then call clone
    step(_IF_EQUAL, clone, no=allow)
    step(_LOAD, _FIRST_ARGUMENT)
    step(_IF_ANY_BIT, _CLONE_THREAD, yes=allow, no=refuse)
    for answer in (_UNKNOWN_CALL, _REFUSE, _ALLOW):
        step(_RETURN, answer)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
