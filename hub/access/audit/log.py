"""Each sight of customer data leaves a line: append-only, hash-chained, on disk before the answer is sent.

A line names who saw which attributes of whom and what for, never a value. It carries the keyed hash
of itself and the line before, so that nobody without the key can edit, remove or reorder one; a keyed
head beside the file (`.head`) says how many there are, so that cutting the end off shows too. That an older copy of
everything was put back, a checkpoint shows that was kept elsewhere (`chain`). A line also carries the fingerprint of
its key, so that a hub whose secret was changed goes on with the chain, and is told apart from one that was edited.

Lines of many requests share one fsync. No database lock is held. Several processes may share the file. It is begun anew
by `rotate`, and the chain goes on in the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import threading
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from hub.db import room_in
from hub.model import canonical

REQUEST: ContextVar[str] = ContextVar("request", default="")  # id of the request that is being answered
ORIGIN: ContextVar[str] = ContextVar("origin", default="")  # the address that it came from
FIRST = "0" * 64
HEAD_WIDTH = 160  # bytes: a fixed width can be overwritten in place
TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One look at customer data. Ids and names of attributes only."""

    principal: str
    role: str
    action: str
    customers: Sequence[str]
    attributes: Sequence[str]
    purpose: str
    at: int
    request: str = field(default_factory=REQUEST.get)
    origin: str = field(default_factory=ORIGIN.get)
    token: str = ""  # of the proof that the customer was on the line


def chained(key: bytes, prev: str, body: bytes) -> str:
    """The hash of a line, keyed, over the one before it."""
    return hmac.new(key, prev.encode() + body, hashlib.sha256).hexdigest()


def fingerprint(key: bytes) -> str:
    """Which key it is, to who has it; nothing of it to others."""
    return hmac.new(key, b"fingerprint", hashlib.sha256).hexdigest()[:12]


def _line(key: bytes, seq: int, prev: str, sight: AuditLine) -> tuple[bytes, str]:
    body: dict[str, object] = {
        "seq": seq,
        "key": fingerprint(key),
        "at": sight.at,
        "principal": sight.principal,
        "role": sight.role,
        "action": sight.action,
        "customers": list(sight.customers),
        "attributes": list(sight.attributes),
        "purpose": sight.purpose,
        "request": sight.request,
    }
    body |= {name: said for name, said in (("from", sight.origin), ("identified", sight.token)) if said}
    made = chained(key, prev, canonical(body))
    return canonical({**body, "hash": made}) + b"\n", made


def _head(key: bytes, seq: int, hash_: str) -> bytes:
    text = f"{seq} {hash_}"
    mac = hmac.new(key, b"head " + text.encode(), hashlib.sha256).hexdigest()
    return f"{text} {mac}".ljust(HEAD_WIDTH - 1).encode() + b"\n"


def read_head(keys: Iterable[bytes], path: Path) -> tuple[int, str] | None:
    """(seq, hash) of the last line when the head was written; None when there is none or it is forged."""
    try:
        seq, hash_, mac = path.read_text(encoding="ascii", errors="replace").split()
    except (OSError, ValueError):
        return None
    for key in keys:
        good = hmac.new(key, f"head {seq} {hash_}".encode(), hashlib.sha256).hexdigest()
        if hmac.compare_digest(good, mac):
            return int(seq), hash_
    return None


class AuditLog:
    """The file of one hub. `write` returns when the line is on disk; it raises OSError when it cannot be."""

    def __init__(self, path: Path, key: bytes):
        self.path, self.key = path, key
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = _opened(path)
        self._head = os.open(head_path(path), os.O_RDWR | os.O_CREAT, 0o600)
        self._known = (-1, 0, FIRST)  # size of the file, seq and hash of its last line, as this process left it
        self._turn = threading.Condition()
        self._queue: list[AuditLine] = []
        self._taken = self._done = 0  # how many sights were queued, and how many are settled
        self._failed: dict[int, Exception] = {}
        self._leading = False

    def write(self, sight: AuditLine) -> None:
        """Keep one sight. Requests that come while the disk is busy go down together with the next one."""
        with self._turn:
            self._queue.append(sight)
            self._taken += 1
            mine = self._taken
            while self._leading and self._done < mine:
                self._turn.wait()
            if self._done >= mine:
                self._raise(mine)
                return
            self._leading = True
            group, self._queue = self._queue, []
        failure = self._append(group)
        with self._turn:
            if failure is not None:
                self._failed.update(dict.fromkeys(range(self._done + 1, self._done + len(group) + 1), failure))
            self._done += len(group)
            self._leading = False
            self._turn.notify_all()
            self._raise(mine)

    def _raise(self, number: int) -> None:
        failure = self._failed.pop(number, None)
        if failure is not None:
            raise failure

    def _append(self, group: Sequence[AuditLine]) -> Exception | None:
        try:
            self._lock()
            try:
                size, seq, prev = self._end()
                lines = []
                for sight in group:
                    seq += 1
                    line, prev = _line(self.key, seq, prev, sight)
                    lines.append(line)
                data = b"".join(lines)
                _write_all(self._file, data)
                _sync(self._file)
                os.pwrite(self._head, _head(self.key, seq, prev), 0)
                self._known = (size + len(data), seq, prev)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        except Exception as error:  # noqa: BLE001  (told to each request that waits for this group, or they would wait for ever)
            self._known = (-1, 0, FIRST)
            return error
        return None

    def _lock(self) -> None:
        """The file, alone; the one that stands there now, should it have been begun anew meanwhile."""
        while True:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if self.path.exists() and os.fstat(self._file).st_ino == os.stat(self.path).st_ino:
                return  # it is not there where whoever began it anew died in between
            old, self._file = self._file, _opened(self.path)
            os.close(old)
            self._known = (-1, 0, FIRST)

    def rotate(self, at: int) -> Path | None:
        """Begin the file anew: what was written stands under the name of its first line. None: nothing was."""
        kept = self._begin_anew()
        if kept is not None:
            self.write(AuditLine("hub", "", "rotate", (), (), "", at))
        return kept

    def _begin_anew(self) -> Path | None:
        with self._turn:
            while self._leading:
                self._turn.wait()
            self._lock()
            try:
                size, _, _ = self._end()
                first = _first_line(self._file)
                if not size or first is None:
                    return None
                kept = self.path.with_name(f"{self.path.stem}.{first:012d}{self.path.suffix}")
                os.rename(self.path, kept)
                fresh = _opened(self.path)
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
            os.close(self._file)
            self._file, self._known = fresh, (-1, 0, FIRST)
            _sync_folder(self.path.parent)
            return kept

    def _end(self) -> tuple[int, int, str]:
        """Size, last seq and last hash. Another process may have written meanwhile, or died half-way through a line."""
        size = os.fstat(self._file).st_size
        if size == self._known[0]:
            return self._known
        line, whole = _last_line(self._file, size)
        if whole != size:
            os.ftruncate(self._file, whole)  # never synced, so nobody was answered on it
        if line is None:  # the first line, or the first of a file begun anew: the head knows
            seq, prev = read_head([self.key], head_path(self.path)) or (0, FIRST)
            return (whole, seq, prev)
        last = json.loads(line)
        return (whole, last["seq"], last["hash"])

    def room(self) -> None:
        """DiskFull when the next line would find no room."""
        room_in(self.path.parent)

    def close(self) -> None:
        """Closing twice is no fault; writing after it is."""
        for handle in (self._head, self._file):
            if handle >= 0:
                os.fsync(handle)
                os.close(handle)
        self._head = self._file = -1


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)


def _first_line(file: int) -> int | None:
    """The number of a file's first line."""
    line = os.pread(file, TAIL, 0).partition(b"\n")[0]
    found = re.match(rb'.*?"seq":(\d+)', line)
    return int(found[1]) if found else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def head_path(path: Path) -> Path:
    return path.with_name(path.name + ".head")


def _sync(file: int) -> None:
    getattr(os, "fdatasync", os.fsync)(file)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _last_line(file: int, size: int) -> tuple[bytes | None, int]:
    """The last whole line and where it ends."""
    read = min(size, TAIL)
    while True:
        tail = os.pread(file, read, size - read)
        end = tail.rfind(b"\n")
        start = tail.rfind(b"\n", 0, max(end, 0))
        if end >= 0 and (start >= 0 or read == size):
            return tail[start + 1 : end], size - read + end + 1
        if read == size:
            return None, 0
        read = min(size, read * 4)
