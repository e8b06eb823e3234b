"""Files on a server, read over SFTP as those of a folder are. Read only.

The server shows the key that `connector.host_key` names, or nothing is sent to it. A file is fetched when its size, time
or ends say that it is new, into a folder that is gone when it was read.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import Field, model_validator

from hub.connectors.base import Cursor, Discovered, Page
from hub.connectors.formats import FileFault
from hub.connectors.incoming_files import (
    ENDS,
    FileStream,
    IncomingFiles,
    discover_files,
    is_taken,
    looks_below,
    read_files,
)
from hub.connectors.manifests import IncomingFile
from hub.errors import ConfigError, Fault, RetryLater
from hub.settings import Connection, Source, secret, source_of_kind

if TYPE_CHECKING:
    import asyncssh

# asyncssh is imported when a server is asked: commands that reach none do not wait for it.

DEEPEST = 16  # folders in folders
PIECE = 4 << 20  # bytes that are fetched at once
Answer = TypeVar("Answer")


class SftpConnection(Connection):
    kind: Literal["sftp"]
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    user: str
    path: str = "."  # folder on the server, absolute or below the user's own
    host_key: str | None = (
        None  # the server's public key: "ssh-ed25519 AAAA...", as ssh-keyscan prints it behind the name
    )
    password_env: str | None = None  # variable that holds the password
    key_env: str | None = None  # or the private key, as text (OpenSSH or PEM); KEY_FILE names a file with it
    passphrase_env: str | None = None  # variable that holds the passphrase of that key
    timeout_seconds: float = Field(
        default=30, gt=0
    )  # of each thing that is asked of the server; of a file, without a byte

    @model_validator(mode="after")
    def _one(self) -> SftpConnection:
        if (self.password_env is None) == (self.key_env is None):
            raise ValueError("give password_env or key_env, what the user signs in with")
        if self.passphrase_env is not None and self.key_env is None:
            raise ValueError("passphrase_env is the passphrase of key_env: give that too")
        return self


@source_of_kind
class SftpSource(Source):
    connector: SftpConnection
    streams: dict[str, FileStream]

    def connect(self, *, env: Mapping[str, str], base_folder: Path, now: Callable[[], int]) -> Sftp:
        return Sftp(self, env=env)


class Sftp(IncomingFiles):
    """The `sftp` connector of one source."""

    def __init__(self, source: SftpSource, *, env: Mapping[str, str]) -> None:
        self._source, given = source, source.connector
        self._where = f"sources/{source.name}.yaml: connector"
        self._password = secret(given.password_env, env) if given.password_env else None
        self._key = secret(given.key_env, env) if given.key_env else None
        self._passphrase = secret(given.passphrase_env, env) if given.passphrase_env else None

    def discover(self) -> list[Discovered]:
        """A stream for each file that can be read, with its first rows."""
        with self._session() as session:
            return discover_files(session.files("*"), self._source.streams)

    def read(self, stream: str, cursor: Cursor | None) -> Iterator[Page]:
        where = f"sources/{self._source.name}.yaml: streams.{stream}"
        given = self._source.connector
        with self._session() as session:
            yield from read_files(
                self._source.streams[stream], cursor, where, f"{given.path} on {given.host}", session.files
            )

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        loop = asyncio.new_event_loop()
        try:
            session = _Session(loop, self._source, self._where)
            try:
                session.ask(session.sign_in(self._host_key(), self._password, self._own_key(), self._fault))
                yield session
            finally:
                session.close()
        finally:
            loop.close()

    def _host_key(self) -> asyncssh.SSHKey | None:
        import asyncssh

        if (text := self._source.connector.host_key) is None:
            return None
        try:
            return asyncssh.import_public_key(text.strip())
        except asyncssh.KeyImportError:
            what = "is no public key of a server"
            raise self._fault("host_key", what, "write it as ssh-keyscan prints it: ssh-ed25519 AAAA...") from None

    def _own_key(self) -> asyncssh.SSHKey | None:
        import asyncssh

        if self._key is None:
            return None
        try:
            return asyncssh.import_private_key(self._key.strip() + "\n", self._passphrase)
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            what = f"{self._source.connector.key_env} holds no private key that can be read"
            remedy = "an OpenSSH or PEM key, as text; one with a passphrase needs passphrase_env"
            raise self._fault("key_env", what, remedy) from None

    def _fault(self, key: str, what: str, remedy: str) -> ConfigError:
        return ConfigError([Fault(f"{self._where}.{key}", what, remedy)])


class _Session:
    """A server, signed in to. What it is asked runs in a loop of its own: connectors are called one thing after another."""

    def __init__(self, loop: asyncio.AbstractEventLoop, source: SftpSource, where: str) -> None:
        self._loop, self._given, self._where = loop, source.connector, where
        self._name = f"source '{source.name}': {self._given.host}:{self._given.port}"
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    def ask(self, what: Coroutine[object, object, Answer]) -> Answer:
        """What the server answers. RetryLater when it is away, is silent for too long, hangs up or refuses."""
        import asyncssh

        try:
            return self._loop.run_until_complete(asyncio.wait_for(what, self._given.timeout_seconds))
        except TimeoutError:
            raise RetryLater(f"{self._name} did not answer in {self._given.timeout_seconds:g} s") from None
        except (asyncssh.DisconnectError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ChannelOpenError) as error:  # fmt: skip
            raise RetryLater(f"{self._name} cut the connection ({type(error).__name__})") from None
        except _Unreadable:
            raise  # of one file only
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise RetryLater(f"{self._name} cannot be reached ({why})") from None
        except asyncssh.SFTPError as error:  # whose own words may be of any kind
            raise RetryLater(f"{self._name} refused ({type(error).__name__})") from None

    async def sign_in(
        self,
        host_key: asyncssh.SSHKey | None,
        password: str | None,
        key: asyncssh.SSHKey | None,
        fault: Callable[[str, str, str], ConfigError],
    ) -> None:
        """ConfigError, naming the key of the source's file, when the server is another one or does not let us in."""
        import asyncssh

        given = self._given
        try:
            if host_key is None:
                raise asyncssh.HostKeyNotVerifiable("none is named")
            self._connection = await asyncssh.connect(
                given.host,
                given.port,
                username=given.user,
                password=password,
                client_keys=None if key is None else [key],
                known_hosts=([host_key], [], []),
                config=None,
                agent_path=None,
                preferred_auth=["password", "keyboard-interactive"] if key is None else ["publickey"],
                login_timeout=given.timeout_seconds,
            )
            # Names in whatever bytes: each is asked for as it was listed.
            self._client = await self._connection.start_sftp_client(path_errors="surrogateescape")
        except asyncssh.PermissionDenied:
            which = "password_env" if key is None else "key_env"
            what = f"{given.host} does not let '{given.user}' in with what {getattr(given, which)} holds"
            raise fault(which, what, "correct the user or the secret, or have the server's owner let it in") from None
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
            shown = await asyncssh.get_server_host_key(given.host, given.port, config=None)
            if shown is not None and shown == host_key:
                raise  # they cannot agree on something else
            raise fault("host_key", *self._other_host(host_key, shown)) from None

    def _other_host(self, known: asyncssh.SSHKey | None, shown: asyncssh.SSHKey | None) -> tuple[str, str]:
        """What is said of a server that shows another key than the named one, or whose key nobody named."""
        text = "no key" if shown is None else shown.export_public_key().decode("ascii").strip()
        print_ = "" if shown is None else f" ({shown.get_fingerprint()})"
        if known is None:
            return f"nobody vouched for {self._given.host}, which shows {text}{print_}", (
                f"compare it with what the server's owner says, then host_key: {text}"
            )
        return f"{self._given.host} shows another key than this: {text}{print_}", (
            "nothing was sent to it; ask the server's owner whether its key was changed"
        )

    def files(self, pattern: str) -> list[IncomingFile]:
        """The files below the folder whose names match."""
        return self.ask(self._files(pattern))

    async def _files(self, pattern: str) -> list[IncomingFile]:
        import asyncssh

        assert self._client is not None
        below = ""
        try:
            root = str(await self._client.realpath(self._given.path))
            found: list[IncomingFile] = []
            folders = [(root, "", 0)]
            while folders:
                folder, below, depth = folders.pop()
                async for entry in self._client.scandir(folder):
                    name, at = below + _shown(str(entry.filename)), posixpath.join(folder, str(entry.filename))
                    if entry.filename in (".", ".."):
                        continue
                    if entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                        if looks_below(pattern) and depth < DEEPEST:
                            folders.append((at, f"{name}/", depth + 1))
                    elif is_taken(name, pattern) and (file := await self._file(name, at, entry.attrs, root)):
                        found.append(file)
            return found
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory, asyncssh.SFTPPermissionDenied) as error:  # fmt: skip
            which = posixpath.join(self._given.path, below).rstrip("/") if below else self._given.path
            what = f"{self._given.host} has no folder {which} that '{self._given.user}' may list ({error.reason})"
            remedy = "narrow the pattern" if below else "correct the path"
            fault = Fault(f"{self._where}.path", what, f"{remedy}, or have the server's owner let the user in")
            raise ConfigError([fault]) from None

    async def _file(self, name: str, at: str, attrs: asyncssh.SFTPAttrs, root: str) -> _Remote | None:
        """What the folder lists, when it is a file or a link to one."""
        import asyncssh

        assert self._client is not None
        leads_out = False
        if attrs.type == asyncssh.FILEXFER_TYPE_SYMLINK:
            try:
                leads_out = not str(await self._client.realpath(at)).startswith(root.rstrip("/") + "/")
                attrs = await self._client.stat(at)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                return None  # it leads to nothing
            except asyncssh.SFTPPermissionDenied:  # told as one that cannot be read: left out, its rows would be absent
                return _Remote(self, name, at, 0, 0, leads_out)
        if attrs.type != asyncssh.FILEXFER_TYPE_REGULAR:
            return None
        return _Remote(self, name, at, attrs.size or 0, _nanoseconds(attrs), leads_out)

    def ends(self, path: str, size: int) -> bytes:
        return self.ask(self._ends(path, size))

    async def _ends(self, path: str, size: int) -> bytes:
        import asyncssh

        assert self._client is not None
        try:
            async with self._client.open(path, "rb") as file:
                return await _piece(file, ENDS, 0) + (await _piece(file, ENDS, size - ENDS) if size > ENDS else b"")
        except asyncssh.SFTPError as error:
            if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
                raise
            raise _Unreadable(error.code, error.reason) from None

    def fetch(self, path: str, size: int, to: Path) -> None:
        """The file, piece by piece: each has its own time. FileFault when it cannot be read, or is another one by now."""
        assert self._client is not None
        with to.open("wb") as local:
            file, at = self.ask(_of_a_file(_opened(self._client, path))), 0
            while piece := self.ask(_of_a_file(_piece(file, PIECE, at))):
                at += local.write(piece)
            self.ask(_of_a_file(file.close()))
        if to.stat().st_size != size:
            raise FileFault(f"had {size:,} bytes when it was listed and {to.stat().st_size:,} when it was fetched: it is read the next time")  # fmt: skip

    def close(self) -> None:
        """Sign out, whatever the server says."""
        if self._connection is not None:
            self._connection.abort()
            self._loop.run_until_complete(self._connection.wait_closed())


def _shown(name: str) -> str:
    """A server's name as text that can be written down, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "replace")


async def _of_a_file(what: Coroutine[object, object, Answer]) -> Answer:
    """What the server answers of one file. FileFault when it refuses: the others may be readable."""
    import asyncssh

    try:
        return await what
    except asyncssh.SFTPError as error:
        if isinstance(error, asyncssh.SFTPConnectionLost | asyncssh.SFTPNoConnection):
            raise
        raise FileFault(f"cannot be read: {error.reason}") from None


async def _opened(client: asyncssh.SFTPClient, path: str) -> asyncssh.SFTPClientFile:
    return await client.open(path, "rb")


async def _piece(file: asyncssh.SFTPClientFile, most: int, at: int) -> bytes:
    """What stands in an open file from a place on; nothing at its end."""
    found = await file.read(most, at)
    return found if isinstance(found, bytes) else found.encode()


class _Unreadable(OSError):
    """The server refuses a file that it lists."""


@dataclass(frozen=True, slots=True)
class _Remote:
    """A file of the server's folder, as it was when it was listed."""

    session: _Session
    name: str
    path: str
    size: int
    changed: int
    leads_out: bool

    def ends(self) -> bytes:
        return self.session.ends(self.path, self.size)

    @contextmanager
    def here(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="hub-sftp-") as folder:
            file = Path(folder) / "file"
            self.session.fetch(self.path, self.size, file)
            yield file


def _nanoseconds(attrs: asyncssh.SFTPAttrs) -> int:
    """When a file was written last; servers of the usual version tell seconds."""
    return (attrs.mtime or 0) * 1_000_000_000 + (attrs.mtime_ns or 0)
