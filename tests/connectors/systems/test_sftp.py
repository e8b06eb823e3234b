"""Files over SFTP: the shared suite against a server of asyncssh, and what only a server elsewhere can have wrong."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from hub.connectors.base import Connector, Page
from hub.connectors.registry import connect
from hub.connectors.systems import sftp
from hub.errors import ConfigError, RetryLater
from hub.settings import Source
from tests.connectors.conformance import Conformance, bad, pages, raws
from tests.connectors.systems.test_file import Folder

PASSWORD = "let me in"  # of nobody


class Server:
    """An SFTP server of one user, whose root is a folder."""

    def __init__(self, root: Path, passwords: dict[str, str] | None = None) -> None:
        self.host_key, self.own_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        self.root, self.pieces, self.most = root, 0, 1 << 30  # after so many pieces it hangs up
        self.refuses: dict[bytes, asyncssh.SFTPError] = {}  # end of a path -> what is said of it
        self.stalls = 1 << 30  # after so many it gives no more, and does not hang up
        self.offers, self.open = True, 0  # files at all, and connections to it
        self.passwords = passwords or {"hub": PASSWORD}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.port = self.start()

    def start(self, port: int = 0) -> int:
        self.listener = asyncio.run_coroutine_threadsafe(self._listen(port), self.loop).result(30)
        return int(self.listener.get_port())

    async def _listen(self, port: int) -> asyncssh.SSHAcceptor:
        server = self

        class Asked(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.connection = conn
                server.open += 1

            def connection_lost(self, exc: Exception | None) -> None:
                server.open -= 1

            def begin_auth(self, username: str) -> bool:
                own = server.own_key.export_public_key().decode("ascii")
                self.connection.set_authorized_keys(asyncssh.import_authorized_keys(own))
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                return server.passwords.get(username) == password

        class Served(asyncssh.SFTPServer):
            def __init__(self, chan: asyncssh.SSHServerChannel) -> None:
                super().__init__(chan, chroot=str(server.root).encode())
                self.channel_ = chan

            def refused(self, path: bytes) -> None:
                for end, error in server.refuses.items():
                    if path.endswith(end):
                        raise error

            def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
                self.refused(path)
                return super().scandir(path)

            def stat(self, path: bytes) -> Any:
                self.refused(path)
                return super().stat(path)

            def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
                self.refused(path)
                return super().open(path, pflags, attrs)

            async def read(self, file_obj: object, offset: int, size: int) -> bytes:
                while server.pieces >= server.stalls:
                    await asyncio.sleep(0.02)
                server.pieces += 1
                if server.pieces > server.most:
                    self.channel_.get_connection().abort()
                return bytes(super().read(file_obj, offset, size))

        return await asyncssh.listen(
            "127.0.0.1",
            port,
            server_host_keys=[self.host_key],
            server_factory=Asked,
            sftp_factory=Served if self.offers else None,
        )

    def stop(self) -> None:
        async def ended() -> None:
            self.listener.close()
            await self.listener.wait_closed()

        asyncio.run_coroutine_threadsafe(ended(), self.loop).result(30)

    def close(self) -> None:
        self.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    root = tmp_path / "served"
    (root / "drop").mkdir(parents=True)
    made = Server(root)
    yield made
    made.close()


def source(server: Server, stream: dict[str, Any] | None = None, **connector: Any) -> Source:
    given = {
        "kind": "sftp",
        "host": "127.0.0.1",
        "port": server.port,
        "user": "hub",
        "path": "drop",
        "host_key": server.host_key.export_public_key().decode("ascii"),
        "password_env": "DROP_PASSWORD",
        "timeout_seconds": 10,
        **connector,
    }
    people = {"customer": "person", "key": "id", "map": {}, **(stream or {})}
    given = {name: value for name, value in given.items() if value is not None}
    return Source.model_validate({"name": "web", "connector": given, "streams": {"people": people}})


def connector(server: Server, stream: dict[str, Any] | None = None, **given: Any) -> Connector:
    env = {"DROP_PASSWORD": PASSWORD, "DROP_KEY": server.own_key.export_private_key().decode("ascii")}
    return connect(source(server, stream, **given), env=env, base_folder=Path("/"))


class Served(Folder):
    """The folder of files, with a server before it."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.root / "drop", "csv")
        self.server = server

    def source(self, **stream: Any) -> Source:
        return source(self.server, super().source(**stream).streams["people"].model_dump(exclude_unset=True))

    def connector(self, **stream: Any) -> Connector:
        return connect(self.source(**stream), env={"DROP_PASSWORD": PASSWORD}, base_folder=Path("/"))

    def break_down(self) -> None:
        self.server.stop()
        self.server.start(0)  # elsewhere


class TestSftp(Conformance):
    @pytest.fixture
    def world(self, server: Server) -> Served:
        return Served(server)


def put(server: Server, name: str, data: bytes) -> None:
    file = server.root / "drop" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


ROWS = b"id,first\n1,Anna\n2,Otto\n"


def test_a_private_key_signs_in_as_a_password_does(server: Server) -> None:
    put(server, "people.csv", ROWS)
    found = pages(connector(server, password_env=None, key_env="DROP_KEY"))
    assert raws(found).keys() == {"1", "2"}


def test_what_was_read_is_not_fetched_again_and_what_changed_is(server: Server) -> None:
    put(server, "people.csv", ROWS)
    cursor = pages(connector(server))[-1].cursor
    server.pieces = 0
    assert pages(connector(server), cursor)[0].rows == ()
    looked = server.pieces
    put(server, "people.csv", ROWS + b"3,Ida\n")
    assert raws(pages(connector(server), cursor)).keys() == {"1", "2", "3"}
    assert server.pieces > 2 * looked


def test_a_long_file_is_fetched_whole(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "PIECE", 10_000)
    put(server, "people.csv", b"id,first\n" + b"".join(b"%d,Anna\n" % n for n in range(20_000)))
    assert len(raws(pages(connector(server)))) == 20_000


def test_only_what_a_manifest_names_is_read_and_only_as_it_says(server: Server) -> None:
    put(server, "people-1.csv", ROWS)
    put(server, "people-2.csv", ROWS.replace(b"1,", b"3,"))
    only = {"file": {"pattern": "*.csv", "manifest": "*.manifest.json"}}
    assert raws(pages(connector(server, only))) == {}
    said = {"name": "people-1.csv", "bytes": len(ROWS), "sha256": hashlib.sha256(ROWS).hexdigest()}
    put(server, "one.manifest.json", json.dumps({"files": [said, {"name": "people-2.csv", "bytes": 7}]}).encode())
    found = pages(connector(server, only))
    assert raws(found).keys() == {"1", "2"}
    (row,) = bad(found)
    assert "one.manifest.json says 7" in row.reason


def test_folders_below_are_read_where_the_pattern_asks_for_them(server: Server) -> None:
    put(server, "2026/may/people.csv", ROWS)
    assert raws(pages(connector(server, {"file": {"pattern": "*.csv"}}))) == {}
    assert raws(pages(connector(server, {"file": {"pattern": "**/*.csv"}}))).keys() == {"1", "2"}


def test_a_link_out_of_the_folder_is_not_followed(server: Server) -> None:
    (server.root / "others.csv").write_bytes(ROWS)
    (server.root / "drop" / "link.csv").symlink_to("../others.csv")
    put(server, "people.csv", b"id,first\n7,Ida\n")
    found = pages(connector(server))
    assert raws(found).keys() == {"7"}
    assert [row.line for row in bad(found)] == ["link.csv"]


def test_a_link_that_leads_to_nothing_is_passed_over(server: Server) -> None:
    put(server, "people.csv", ROWS)
    (server.root / "drop" / "gone.csv").symlink_to("nowhere.csv")
    found = pages(connector(server))
    assert (raws(found).keys(), bad(found)) == ({"1", "2"}, [])


def test_a_link_whose_name_does_not_match_is_not_looked_at(server: Server) -> None:
    put(server, "people.csv", ROWS)
    (server.root / "drop" / "latest").symlink_to("people.csv")
    server.refuses[b"latest"] = asyncssh.SFTPFailure("broken")
    assert raws(pages(connector(server, {"file": {"pattern": "*.csv"}}))).keys() == {"1", "2"}


def test_a_link_that_may_not_be_looked_at_is_told_and_the_others_are_read(server: Server) -> None:
    put(server, "people.csv", ROWS)
    (server.root / "drop" / "closed.csv").symlink_to("people.csv")
    server.refuses[b"closed.csv"] = asyncssh.SFTPPermissionDenied("not for you")
    found = pages(connector(server))
    assert raws(found).keys() == {"1", "2"}
    assert [(row.line, "not for you" in row.reason) for row in bad(found)] == [("closed.csv", True)]


def test_a_folder_below_that_may_not_be_listed_is_named(server: Server) -> None:
    put(server, "2026/closed/people.csv", ROWS)
    server.refuses[b"closed"] = asyncssh.SFTPPermissionDenied("not for you")
    with pytest.raises(ConfigError, match=r"has no folder drop/2026/closed that 'hub' may list"):
        pages(connector(server, {"file": {"pattern": "**/*.csv"}}))


def test_a_name_of_other_bytes_is_read_and_shown_as_text(server: Server) -> None:
    drop = os.fsencode(server.root / "drop")
    for name in (b"M\xfcller.csv", b"M\xfcnchen.csv"):
        with open(os.path.join(drop, name), "wb") as file:
            file.write(ROWS if b"ller" in name else b"no;t\x00his")
    found = pages(connector(server))
    assert raws(found).keys() >= {"1", "2"}
    json.dumps(found[-1].cursor, ensure_ascii=False).encode()
    assert all(row.line.encode() for row in bad(found))


@pytest.mark.parametrize("error", [asyncssh.SFTPFailure("disk"), asyncssh.SFTPBadMessage("what?")])
def test_a_server_that_fails_is_asked_again_later(server: Server, error: asyncssh.SFTPError) -> None:
    server.refuses[b"drop"] = error
    with pytest.raises(RetryLater, match=rf"refused \({type(error).__name__}\)"):
        pages(connector(server))
    with pytest.raises(RetryLater, match="refused"):
        connector(server).discover()


def test_one_file_that_the_server_fails_at_is_told_and_the_others_are_read(server: Server) -> None:
    put(server, "a.csv", ROWS)
    put(server, "b.csv", ROWS)
    server.refuses[b"a.csv"] = asyncssh.SFTPFailure("disk")
    found = pages(connector(server))
    assert raws(found).keys() == {"1", "2"}
    assert [row.line for row in bad(found)] == ["a.csv"]


def test_a_server_without_files_is_signed_out_of(server: Server) -> None:
    server.stop()
    server.offers = False
    server.start(server.port)
    with pytest.raises(RetryLater) as error:
        pages(connector(server))
    end = time.monotonic() + 5
    while server.open and time.monotonic() < end:
        time.sleep(0.01)
    assert (server.open, "127.0.0.1" in str(error.value)) == (0, True)


def test_a_server_that_nobody_vouched_for_is_told_nothing_and_its_key_is_shown(server: Server) -> None:
    with pytest.raises(ConfigError, match=r"connector\.host_key: nobody vouched for 127\.0\.0\.1") as error:
        pages(connector(server, host_key=None))
    assert server.host_key.export_public_key().decode("ascii").strip() in str(error.value)


@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
def test_another_server_under_the_name_is_refused(server: Server, algorithm: str) -> None:
    other = asyncssh.generate_private_key(algorithm).export_public_key().decode("ascii")
    with pytest.raises(ConfigError, match=r"connector\.host_key: 127\.0\.0\.1 shows another key"):
        pages(connector(server, host_key=other))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"user": "nobody"}, r"connector\.password_env: 127\.0\.0\.1 does not let 'nobody' in"),
        ({"host_key": "ssh-ed25519 rubbish"}, r"connector\.host_key: is no public key"),
        ({"password_env": None, "key_env": "DROP_PASSWORD"}, r"connector\.key_env: DROP_PASSWORD holds no private key"),
        ({"path": "elsewhere"}, r"connector\.path: 127\.0\.0\.1 has no folder elsewhere"),
    ],
)
def test_what_is_wrong_names_its_key_and_a_remedy(server: Server, given: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named) as error:
        pages(connector(server, **given))
    assert PASSWORD not in str(error.value)


def test_a_key_that_the_server_does_not_know_is_named(server: Server) -> None:
    made = connector(server, password_env=None, key_env="DROP_KEY")
    server.own_key = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(ConfigError, match=r"connector\.key_env: 127\.0\.0\.1 does not let 'hub' in"):
        pages(made)


def test_a_connection_that_is_cut_is_tried_again_later_and_nothing_is_taken_for_read(server: Server) -> None:
    put(server, "people-1.csv", b"id,first\n" + b"".join(b"%d,Anna\n" % n for n in range(1_500)))
    put(server, "people-2.csv", b"id,first\n" + b"".join(b"%d,Anna\n" % n for n in range(2_000, 3_500)))
    server.most = 7  # both were looked at, and the first was fetched
    kept: list[Page] = []
    with pytest.raises(RetryLater, match="cut the connection"):
        for page in connector(server).read("people", None):
            kept.append(page)
    server.most = 1 << 30
    assert kept
    kept += pages(connector(server), kept[-1].cursor)
    assert len(raws(kept)) == 3_000


def test_a_server_that_is_silent_is_not_waited_for(server: Server) -> None:
    silent = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(lambda _r, _w: asyncio.sleep(60), "127.0.0.1", 0), server.loop
    ).result(30)
    with pytest.raises(RetryLater, match="did not answer in 0.3 s"):
        pages(connector(server, port=silent.sockets[0].getsockname()[1], timeout_seconds=0.3))
    server.loop.call_soon_threadsafe(silent.close)
