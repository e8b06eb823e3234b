"""The audit chain: on disk before the answer, and every tampering shows."""

import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.access.audit.chain import (
    ChainReport,
    Checkpoint,
    checkpoint,
    files,
    forget,
    keep,
    read_checkpoints,
    read_lines,
    sights,
    verify_chain,
)
from hub.access.audit.log import (
    FIRST,
    AuditLine,
    AuditLog,
    _head,
    chained,
    fingerprint,
    head_path,
)
from hub.model import canonical

KEY = b"a key of tests"


def sight(n: int) -> AuditLine:
    return AuditLine(f"key{n}", "steward", "get", [f"cus_{n}"], ["email"], "a purpose", n, f"r{n}")


def written(path: Path, lines: int) -> Path:
    log = AuditLog(path, KEY)
    for n in range(lines):
        log.write(sight(n))
    log.close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "audit.jsonl", 5)


def test_an_untouched_chain_is_whole(path: Path) -> None:
    assert (
        verify_chain(path, KEY) == verify_chain(path, KEY)
        and verify_chain(path, KEY).ok
        and verify_chain(path, KEY).lines == 5
    )
    assert [line["customers"] for line in read_lines(path)] == [[f"cus_{n}"] for n in range(5)]


def test_no_file_yet_is_no_fault(tmp_path: Path) -> None:
    assert verify_chain(tmp_path / "none.jsonl", KEY).ok


def test_another_process_goes_on_where_the_first_stopped(path: Path) -> None:
    assert written(path, 3) and verify_chain(path, KEY).lines == 8 and verify_chain(path, KEY).ok


def test_an_edit_shows(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"cus_2", b"cus_9"))
    assert "line 3" in verify_chain(path, KEY).problem


def test_an_edit_with_a_new_hash_shows_without_the_key(path: Path, tmp_path: Path) -> None:
    forged = written(tmp_path / "forged.jsonl", 0)
    log = AuditLog(forged, b"another key")
    for n in range(5):
        log.write(sight(n))
    log.close()
    path.write_bytes(forged.read_bytes())
    assert not verify_chain(path, KEY).ok


OLD, OLDER = b"the key of last year", b"the key before that"


def rotated(path: Path) -> Path:
    """A chain of five lines, a line of one key after that of another."""
    for key in (OLDER, OLD, OLD, KEY, KEY):
        log = AuditLog(path, key)
        log.write(sight(0))
        log.close()
    return path


def test_a_chain_outlives_its_key(tmp_path: Path) -> None:
    path = rotated(tmp_path / "audit.jsonl")
    assert verify_chain(path, KEY, [OLD, OLDER]) == ChainReport(5)


def test_another_key_is_told_from_tampering(tmp_path: Path) -> None:
    path = rotated(tmp_path / "audit.jsonl")
    found = verify_chain(path, KEY, [OLDER])
    assert not found.ok
    assert found.lines == 1
    assert f"line 2 was made with another HUB_SECRET ({fingerprint(OLD)})" in found.problem
    assert "HUB_SECRET_PREVIOUS" in found.problem
    path.write_bytes(path.read_bytes().replace(b"cus_0", b"cus_1"))
    assert "line 1 was edited" in verify_chain(path, KEY, [OLD, OLDER]).problem


def test_who_has_a_former_key_cannot_write_over_what_came_later(tmp_path: Path) -> None:
    path = rotated(tmp_path / "audit.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))
    log = AuditLog(path, OLD)
    log.write(sight(1))
    log.close()
    path.write_bytes(path.read_bytes() + lines[4])
    assert "line 5 was edited, moved" in verify_chain(path, KEY, [OLD, OLDER]).problem


def test_lines_of_before_fingerprints_are_checked_with_any_key(path: Path, tmp_path: Path) -> None:
    old, prev = tmp_path / "old.jsonl", FIRST
    with old.open("wb") as file:
        for line in read_lines(path):
            body = {k: v for k, v in line.items() if k not in ("hash", "key")}
            prev = chained(KEY, prev, canonical(body))
            file.write(canonical({**body, "hash": prev}) + b"\n")
    head_path(old).write_bytes(_head(KEY, 5, prev))
    assert verify_chain(old, KEY) == ChainReport(5)
    assert verify_chain(old, OLD, [KEY]) == ChainReport(5)
    assert "HUB_SECRET_PREVIOUS" in verify_chain(old, OLD).problem


def test_the_file_says_nothing_of_the_key(path: Path) -> None:
    assert fingerprint(KEY) == next(read_lines(path))["key"] != fingerprint(OLD)
    for secret in (KEY, KEY.hex().encode()):
        assert secret not in path.read_bytes()


def test_a_cut_at_the_end_shows(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    assert verify_chain(path, KEY).problem == "2 lines at the end are missing"


def test_an_emptied_or_missing_file_shows(path: Path) -> None:
    path.write_bytes(b"")
    assert not verify_chain(path, KEY).ok
    path.unlink()
    assert not verify_chain(path, KEY).ok


def test_a_missing_or_forged_head_shows(path: Path) -> None:
    head = head_path(path)
    head.write_bytes(head.read_bytes().replace(b"5 ", b"3 ", 1))
    assert not verify_chain(path, KEY).ok
    head.unlink()
    assert not verify_chain(path, KEY).ok


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(5)), dropped=st.sets(st.integers(0, 4)))
def test_any_removal_or_reordering_shows(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], dropped: set[int]
) -> None:
    path = written(tmp_path_factory.mktemp("audit") / "audit.jsonl", 5)
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [n for n in order if n not in dropped]
    path.write_bytes(b"".join(lines[n] for n in kept))
    assert verify_chain(path, KEY).ok == (kept == [0, 1, 2, 3, 4])


def test_a_line_torn_by_a_crash_is_dropped_and_the_chain_goes_on(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"seq": 6, "torn')
    assert verify_chain(path, KEY).ok
    written(path, 1)
    assert verify_chain(path, KEY).ok and verify_chain(path, KEY).lines == 6


def test_many_writers_at_once_leave_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, KEY)
    threads = [
        threading.Thread(target=lambda n=n: [log.write(sight(n * 100 + i)) for i in range(20)]) for n in range(8)
    ]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert verify_chain(path, KEY).ok and verify_chain(path, KEY).lines == 160
    assert len({line["request"] for line in read_lines(path)}) == 160


def test_processes_share_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    program = textwrap.dedent(f"""
        from pathlib import Path
        from hub.access.audit.log import AuditLog, AuditLine
        log = AuditLog(Path({str(path)!r}), {KEY!r})
        for n in range(15):
            log.write(AuditLine("p", "steward", "get", ["cus_1"], [], "", n))
        log.close()
    """)
    started = [subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[2]) for _ in range(3)]
    assert [p.wait() for p in started] == [0, 0, 0]
    assert verify_chain(path, KEY).ok and verify_chain(path, KEY).lines == 45


def test_a_disk_that_fails_fails_the_request_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", KEY)
    log.write(sight(0))
    real = os.write

    def full(_file: int, _data: bytes) -> int:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="no space"):
        log.write(sight(1))
    monkeypatch.setattr(os, "write", real)
    log.write(sight(2))
    log.close()
    assert [line["at"] for line in read_lines(log.path)] == [0, 2] and verify_chain(log.path, KEY).ok


def test_lines_are_json_with_ids_and_names_only(path: Path) -> None:
    first = json.loads(path.read_bytes().splitlines()[0])
    assert set(first) == {
        "seq",
        "at",
        "principal",
        "role",
        "action",
        "customers",
        "attributes",
        "purpose",
        "request",
        "hash",
        "key",
    }


# --- files, checkpoints, who saw whom ---------------------------------------------------------------


@pytest.fixture
def log(path: Path) -> Iterator[AuditLog]:
    made = AuditLog(path, KEY)
    yield made
    made.close()


def kept(log: AuditLog, file: Path) -> list[Checkpoint]:
    keep(file, checkpoint(log, 7))
    return read_checkpoints(file, [KEY])[0]


def test_the_chain_goes_on_in_a_file_begun_anew(log: AuditLog) -> None:
    closed = log.rotate(9)
    log.write(sight(6))
    assert closed is not None and closed.name == "audit.000000000001.jsonl" and len(files(log.path)) == 2
    assert verify_chain(log.path, KEY) == ChainReport(7)
    assert [line["seq"] for line in read_lines(log.path)] == [1, 2, 3, 4, 5, 6, 7]
    again = log.rotate(10)
    assert (
        again is not None and again.name == "audit.000000000006.jsonl" and verify_chain(log.path, KEY) == ChainReport(8)
    )


def test_another_process_writes_where_the_chain_goes_on(log: AuditLog) -> None:
    other = AuditLog(log.path, KEY)
    other.write(sight(6))
    assert log.rotate(9)
    other.write(sight(8))
    log.write(sight(9))
    other.close()
    assert verify_chain(log.path, KEY) == ChainReport(9) and len(files(log.path)[0].read_text().splitlines()) == 6


@pytest.mark.parametrize("harm", ["removed", "cut", "edited", "exchanged"])
def test_harm_to_a_closed_file_shows(log: AuditLog, harm: str) -> None:
    first, second = log.rotate(9), log.rotate(10)
    assert first and second and verify_chain(log.path, KEY).ok
    if harm == "removed":
        first.unlink()
    elif harm == "cut":
        first.write_text("".join(first.read_text().splitlines(keepends=True)[:-1]))
    elif harm == "edited":
        first.write_text(first.read_text().replace("cus_3", "cus_9"))
    else:
        one, two = first.read_text(), second.read_text()
        first.write_text(two)
        second.write_text(one)
    assert not verify_chain(log.path, KEY).ok


def test_what_was_kept_long_enough_goes_and_the_rest_is_whole(log: AuditLog) -> None:
    first, second = log.rotate(9), log.rotate(20)
    assert first and second
    assert forget(log, 5) == [first] and not first.exists() and second.exists()
    assert verify_chain(log.path, KEY) == ChainReport(7)
    second.unlink()
    assert not verify_chain(log.path, KEY).ok


def test_a_file_that_was_to_go_when_the_process_died_is_no_fault(log: AuditLog) -> None:
    first = log.rotate(9)
    assert first
    text = first.read_text()
    assert forget(log, 5) == [first]
    first.write_text(text)
    assert verify_chain(log.path, KEY) == ChainReport(6)


def test_an_older_copy_that_was_put_back_shows_against_a_checkpoint(log: AuditLog, tmp_path: Path) -> None:
    old = {p: p.read_bytes() for p in (log.path, head_path(log.path))}
    log.write(sight(6))
    kept_elsewhere = kept(log, tmp_path / "elsewhere")
    for place, bytes_ in old.items():
        place.write_bytes(bytes_)
    assert verify_chain(log.path, KEY).ok
    assert "an older copy was put back" in verify_chain(log.path, KEY, checkpoints=kept_elsewhere).problem
    written(log.path, 3)  # and went on from there
    assert "line 6 is not the one" in verify_chain(log.path, KEY, checkpoints=kept_elsewhere).problem


def test_a_forged_checkpoint_is_counted_and_not_believed(log: AuditLog, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere"
    assert len(kept(log, file)) == 1
    file.write_text(file.read_text() + file.read_text().replace('"seq": 5', '"seq": 4') + "[]\nnoise\n")
    found, forged = read_checkpoints(file, [KEY])
    assert [c.seq for c in found] == [5] and forged == 3 and read_checkpoints(file, [b"another"]) == ([], 4)


def test_who_saw_a_customer_is_read_over_all_files(log: AuditLog) -> None:
    log.rotate(9)
    log.write(AuditLine("k", "steward", "get", ["cus_3", "cus_1"], [], "", 11))
    log.write(AuditLine("k", "steward", "get", ["cus_33"], [], "", 12))
    assert [line["at"] for line in sights(log.path, {"cus_3"}, 10)] == [11, 3]
    assert [line["at"] for line in sights(log.path, {"cus_3", "cus_33"}, 2)] == [12, 11]


def test_whoever_dies_while_beginning_the_file_anew_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path, KEY)
    log.write(sight(0))
    path.rename(tmp_path / "audit.000000000001.jsonl")
    log.write(sight(1))
    log.close()
    assert path.exists()
    assert verify_chain(path, KEY).ok
