"""Manifests of file drops: which files are whole, and what is in them. A file that none names is still being written.

A manifest is JSON: {"files": [{"name": ..., "bytes": ..., "sha256": ...}]}; names are relative to it. Size and hash may be
left out; what is said is held to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from hub.connectors.base import Foreign
from hub.connectors.formats import FileFault
from hub.connectors.rows import parse_json

MOST = 16 << 20  # bytes of a manifest


@dataclass(frozen=True, slots=True)
class NamedFile:
    """What a manifest says of a file."""

    manifest: str
    bytes: int | None
    sha256: str | None


class IncomingFile(Protocol):
    """A file as its folder lists it."""

    @property
    def name(self) -> str:
        """Below the folder."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def changed(self) -> int:
        """When it was written last, in nanoseconds since 1970."""

    @property
    def leads_out(self) -> bool:
        """Is it a link out of the folder? Who may put files there must not read others with the hub's rights."""

    def ends(self) -> bytes:
        """Its first and its last bytes. OSError when it cannot be read."""

    def here(self) -> AbstractContextManager[Path]:
        """The file on this machine, while the context lasts. FileFault when it cannot be had."""


def read(files: Iterable[IncomingFile]) -> dict[str, NamedFile]:
    """File names below the folder, of all manifests that can be read; of a file that two name, the newer one counts."""
    found: dict[str, NamedFile] = {}
    for file in files:
        name = file.name
        if file.leads_out or file.size > MOST:
            continue
        try:
            with file.here() as path:
                told: Foreign = parse_json(path.read_bytes())
        except (OSError, ValueError, FileFault):
            continue  # it is being written, or no manifest
        listed = told.get("files") if isinstance(told, dict) else None
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(one.get("name"), str):
                size, hash_ = one.get("bytes"), one.get("sha256")
                found[str(PurePosixPath(name).parent / one["name"])] = NamedFile(
                    name, size if isinstance(size, int) else None, hash_.lower() if isinstance(hash_, str) else None
                )
    return found


def check(file: Path, named: NamedFile) -> None:
    """FileFault when the file is not what its manifest says."""
    size = file.stat().st_size
    if named.bytes is not None and size != named.bytes:
        raise FileFault(
            f"has {size:,} bytes, and {named.manifest} says {named.bytes:,}: it is not read until they agree"
        )
    if named.sha256 is not None:
        with file.open("rb") as source:
            if hashlib.file_digest(source, "sha256").hexdigest() != named.sha256:
                raise FileFault(f"has another SHA-256 than {named.manifest} says: it is not read until they agree")
