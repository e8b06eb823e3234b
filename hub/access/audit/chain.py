"""The audit chain, read: is it whole, does it hold what a checkpoint kept elsewhere says, who saw whom.

The chain stands in files: those that were closed (`audit.000000000001.jsonl`, by their first line) and the one that is
written. Files that were kept long enough may go, the oldest first; a keyed note (`.start`) then says where the chain begins.
A checkpoint is one signed line: how many lines there were, and the hash of the last. Kept where whoever can write the
hub's folder cannot, it shows that an older copy of everything was put back.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.access.audit.log import FIRST, AuditLog, chained, fingerprint, head_path, read_head
from hub.access.secret import PREVIOUS
from hub.model import canonical


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What `verify_chain` found. `problem` is empty when the chain is whole."""

    lines: int
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many lines the chain had, the hash of the last, and when."""

    seq: int
    hash: str
    at: int


def files(path: Path) -> list[Path]:
    """Of the chain whose newest lines stand in `path`, the oldest first."""
    return [*sorted(path.parent.glob(f"{path.stem}.[0-9]*{path.suffix}")), *([path] if path.exists() else [])]


def read_lines(path: Path) -> Iterator[dict[str, object]]:
    """The lines as they stand, unchecked."""
    for part in files(path):
        with part.open("rb") as file:
            for line in file:
                yield json.loads(line)


def sights(path: Path, customers: Collection[str], newest: int) -> list[dict[str, object]]:
    """The newest lines that name one of these customers, the newest first."""
    marks = [f'"{id}"'.encode() for id in customers]
    found: list[dict[str, object]] = []
    for part in reversed(files(path)):
        with part.open("rb") as file:
            named = [json.loads(line) for line in file if any(m in line for m in marks) and line.endswith(b"\n")]
        found += [line for line in reversed(named) if not set(customers).isdisjoint(line["customers"])]
        if len(found) >= newest:
            break
    return found[:newest]


# --- checking -------------------------------------------------------------------------------------------


def verify_chain(
    path: Path, key: bytes, former: Sequence[bytes] = (), checkpoints: Sequence[Checkpoint] = ()
) -> ChainReport:
    """Was a line edited, removed, put elsewhere or cut off? Names the first line at fault. `former`: keys used before."""
    keys = {fingerprint(k): k for k in (key, *former)}
    head = read_head(keys.values(), head_path(path))
    parts = files(path)
    if not parts:
        return ChainReport(
            0, "" if head is None and not head_path(path).exists() else "the file is gone, its head is there"
        )
    named = {c.seq: c.hash for c in checkpoints if c.seq} | ({head[0]: head[1]} if head and head[0] else {})
    seen, prev = read_head(keys.values(), start_path(path)) or (0, FIRST)
    begun = seen
    for part in parts:
        with part.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break  # torn by a crash before it was synced: nobody was answered on it
                try:
                    found = json.loads(line)
                    given = found.pop("hash")
                    seq = found["seq"]
                except (ValueError, KeyError, TypeError, AttributeError):
                    return ChainReport(seen, f"line {seen + 1} is not readable")
                if isinstance(seq, int) and seq <= begun and part != parts[-1]:
                    continue  # of a file that was to go
                if wrong := _wrong(found, seen + 1, seq, given, prev, keys):
                    return ChainReport(seen, wrong)
                prev, seen = given, seen + 1
                if named.pop(seen, prev) != prev:
                    return ChainReport(seen, f"line {seen} is not the one that the head or a checkpoint names")
    return ChainReport(seen, _at_the_end(seen, begun, head, checkpoints))


def _at_the_end(seen: int, begun: int, head: tuple[int, str] | None, checkpoints: Sequence[Checkpoint]) -> str:
    if seen > begun and head is None:
        return "the head is missing or forged"
    if head and head[0] > seen:
        return f"{head[0] - seen} lines at the end are missing"
    last = max((c.seq for c in checkpoints), default=0)
    if last > seen:
        return f"an older copy was put back: a checkpoint names line {last}, the last one here is {seen}"
    return ""


def _wrong(body: dict[str, Any], number: int, seq: object, given: object, prev: str, keys: Mapping[str, bytes]) -> str:
    """What is wrong with a line; '' for nothing. Lines of earlier versions do not name their key: any may be it."""
    named = body.get("key")
    if named is not None and named not in keys:
        return (
            f"line {number} was made with another HUB_SECRET ({named}); this one is {next(iter(keys))}: "
            f"{PREVIOUS} names the secrets of before, and what none of them made was forged"
        )
    tried = keys.values() if named is None else [keys[named]]
    whole = isinstance(given, str) and any(hmac.compare_digest(given, chained(k, prev, canonical(body))) for k in tried)
    if seq == number and whole:
        return ""
    changed = f", or the secret was changed ({PREVIOUS} names the one of before)" if named is None else ""
    return f"line {number} was edited, moved, or follows a removed one{changed}"


# --- checkpoints, and what may go -----------------------------------------------------------------------


def start_path(path: Path) -> Path:
    """Where the chain begins, once its oldest files are gone."""
    return path.with_name(path.name + ".start")


def checkpoint(log: AuditLog, at: int) -> str:
    """How far the chain goes, signed: a line to be kept elsewhere."""
    seq, hash_ = read_head([log.key], head_path(log.path)) or (0, FIRST)
    body = {"seq": seq, "hash": hash_, "at": at, "key": fingerprint(log.key)}
    return json.dumps({**body, "signed": _signed(log.key, body)})


def keep(file: Path, line: str) -> None:
    """Add a checkpoint to those that a file holds."""
    with file.open("a", encoding="utf-8") as target:
        target.write(line + "\n")
        target.flush()
        os.fsync(target.fileno())


def read_checkpoints(file: Path, keys: Sequence[bytes]) -> tuple[list[Checkpoint], int]:
    """Those that one of the keys signed, and how many others there are."""
    known = {fingerprint(k): k for k in keys}
    found, forged = [], 0
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            body = json.loads(line)
            signed = body.pop("signed")
            good = hmac.compare_digest(signed, _signed(known[body["key"]], body))
            found += [Checkpoint(body["seq"], body["hash"], body["at"])] if good else []
            forged += not good
        except (ValueError, KeyError, TypeError, AttributeError):
            forged += 1
    return found, forged


def forget(log: AuditLog, before: int) -> list[Path]:
    """Remove closed files all of whose lines are older than a time; the chain then begins after them."""
    gone: list[Path] = []
    path = log.path
    for part in files(path)[:-1]:
        with part.open("rb") as file:
            last = json.loads(file.readlines()[-1])
        if last["at"] >= before:
            break
        note = f"{last['seq']} {last['hash']}"
        mac = hmac.new(log.key, f"head {note}".encode(), hashlib.sha256).hexdigest()
        fresh = start_path(path).with_suffix(".new")
        fresh.write_text(f"{note} {mac}\n", encoding="ascii")
        os.replace(fresh, start_path(path))
        part.unlink()
        gone.append(part)
    return gone


def _signed(key: bytes, body: Mapping[str, Any]) -> str:
    return hmac.new(key, b"checkpoint " + canonical(dict(body)), hashlib.sha256).hexdigest()
