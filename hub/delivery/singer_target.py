"""Customers to a Singer target: SCHEMA, RECORD and STATE into its input; what was written is the STATE that it says back."""

from __future__ import annotations

import os
import select
import subprocess
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import IO

import orjson

from hub.connectors.base import JSON, ROW_BYTES, Foreign
from hub.connectors.rows import parse_json
from hub.connectors.singer_program import Program
from hub.errors import RetryLater
from hub.kinds import KINDS
from hub.settings import CustomerType

Row = dict[str, JSON]
CHUNK = 1 << 16  # bytes that are handed over at once
TEXT: JSON = {"type": ["null", "string"]}
TIME: JSON = {"type": ["null", "string"], "format": "date-time"}
OWN: dict[str, JSON] = {
    "id": {"type": "string"},
    "part_of": TEXT,  # of a customer who is not in the view under this id any more: where they are now
    "version": {"type": ["null", "integer"]},
    "updated_at": TIME,
    "_sdc_deleted_at": TIME,
}


def schema(name: str, type_: CustomerType, attributes: Iterable[str]) -> Row:
    """The SCHEMA message of a customer type, with the attributes that a role is shown."""
    properties = OWN | {a: _shape(type_, a) for a in attributes}
    return {
        "type": "SCHEMA",
        "stream": name,
        "schema": {"type": "object", "properties": properties},
        "key_properties": ["id"],
    }


def _shape(type_: CustomerType, attribute: str) -> JSON:
    given = type_.attributes[attribute]
    parts = KINDS[given.kind].parts
    one = {"type": ["null", "object"], "properties": dict.fromkeys(parts, TEXT)} if parts else TEXT
    return {"type": ["null", "array"], "items": one} if given.many else one


def record(name: str, type_: CustomerType, attributes: Iterable[str], row: Mapping[str, JSON], at: str) -> Row:
    """The RECORD message of a row of a drop; `at`: when one who is gone was told to be."""
    values = row.get("values")
    held = values if isinstance(values, Mapping) else {}
    own = {
        "id": row["id"],
        "part_of": row.get("part_of"),
        "version": row.get("version"),
        "updated_at": row.get("updated_at"),
    }
    flat = {a: _cell(held.get(a), many=type_.attributes[a].many) for a in attributes}
    gone = at if row["gone"] else None
    return {"type": "RECORD", "stream": name, "record": {**own, "_sdc_deleted_at": gone, **flat}}


def _cell(value: JSON, *, many: bool) -> JSON:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    told = [v if isinstance(v, str | dict) else orjson.dumps(v).decode() for v in listed]
    return told if many else next(iter(told), None)


def tell(program: Program, messages: Iterable[Row], state: JSON) -> None:
    """All messages and then a STATE. RetryLater unless the target says this STATE back: then it wrote what was before."""
    with program.files() as folder:
        command = [*program.command(), "--config", str(folder / "config.json")]
        with program.started(command, told=True) as process:
            assert process.stdout is not None
            heard = _Heard(process.stdout)
            _hand_over(program, process, _lines(messages, state))
            _ended(program, process, heard, state)


def _lines(messages: Iterable[Row], state: JSON) -> Iterator[bytes]:
    for message in chain(messages, [Row(type="STATE", value=state)]):
        yield orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def _hand_over(program: Program, process: subprocess.Popen[bytes], lines: Iterator[bytes]) -> None:
    """Each line, as fast as the target takes them. One that died takes no more: why, its end tells."""
    assert process.stdin is not None
    pipe = process.stdin.fileno()
    os.set_blocking(pipe, False)
    rest = b""
    for line in chain(lines, [b""]):
        rest += line
        while rest and (len(rest) >= CHUNK or not line):
            if not select.select([], [pipe], [], program.given.silent_seconds)[1]:
                raise program.silent("took")
            try:
                rest = rest[os.write(pipe, rest[:CHUNK]) :]
            except BrokenPipeError:
                return
    process.stdin.close()


def _ended(program: Program, process: subprocess.Popen[bytes], heard: _Heard, state: JSON) -> None:
    try:
        program.finished(process)
    except RetryLater:
        heard.wait()
        if heard.state != state:
            raise
        return  # it failed at something else: all of this was written
    heard.wait()
    if heard.state != state:
        raise RetryLater(f"{program.where}: the target ended and did not say that it wrote all; it is told again")


class _Heard:
    """The newest STATE that a target said, read beside what it is told: else both would wait for each other."""

    def __init__(self, said: IO[bytes]) -> None:
        self.state: JSON = None
        self._said = said
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with self._said:
            while line := self._said.readline(2 * ROW_BYTES):
                try:
                    found: Foreign = parse_json(line)
                except ValueError:
                    continue  # it says something else
                self.state = found

    def wait(self) -> None:
        """Until it has said all."""
        self._thread.join(5)
