"""Seeded bugs, and the test that must catch each: `python -m tests.mutants [WORD ...]`.

The tree is copied once, each bug is put in by itself, only the test named beside it is run, and the file is
put back. A bug that no test notices, or a patch that fits the code no more, ends in exit status 1.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COPIED = ("hub", "tests", "config", "pyproject.toml")
PATIENCE = 120  # seconds for one test
LIBRARIES = (
    "hypothesis.stateful",
    "hypothesis.strategies",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "sqlmodel",
    "pydantic",
    "pyarrow.compute",
    "numpy",
    "scipy.sparse.csgraph",
    "duckdb",
    "splink",
    "pandas",
    "phonenumbers",
    "email_validator",
    "nameparser",
    "jellyfish",
    "rapidfuzz.distance",
    "usaddress",
    "pycountry",
    "stdnum",
    "httpx2",
    "stamina",
    "structlog",
    "apscheduler.schedulers.background",
    "yaml",
    "jmespath",
    "orjson",
    "psycopg",
    "alembic.command",
    "cleanco",
    "anyascii",
    "nicknames",
)
_times = itertools.count(2_000_000_000)


@dataclass(frozen=True)
class Mutant:
    """A bug: what goes wrong, where, and who should notice."""

    what: str
    file: str
    old: str
    new: str
    test: str


LANDING, FOLD, PULL = "hub/landing/store/records.py", "hub/landing/fold.py", "hub/work/pull.py"
MATCHING, GOLDEN, SURVIVE = "hub/matching/refresh.py", "hub/golden_record/run.py", "hub/golden_record/survivorship.py"
T_LANDING, T_FOLD, T_PULL, T_PUSH = (
    f"tests/{t}.py::test_"
    for t in ("landing/test_landing", "landing/test_fold", "work/test_pull", "delivery/test_push")
)
T_SURVIVE, T_SETTLE, T_VERIFY, T_DB = (
    f"tests/{t}.py::test_"
    for t in ("golden_record/test_survivorship", "resolve/test_settle", "quality/test_verify", "db/test_db")
)
SHORTLIST, T_SHORTLIST = "hub/matching/compare/shortlist.py", "tests/matching/compare/test_shortlist.py::test_"
T_PLAN, T_BULK, T_UNDO = (
    f"tests/{t}.py::test_" for t in ("delivery/test_write_back", "resolve/test_bulk", "promises/test_undo")
)

MUTANTS = [
    # landing
    Mutant(
        "an older version overwrites a newer one",
        LANDING,
        "if record.holds is None or order > record.holds:",
        "if True:",
        T_LANDING + "an_older_version_is_kept_but_changes_nothing[sqlite]",
    ),
    Mutant(
        "a repeat lands again",
        LANDING,
        "if order is None or (record is not None and order in record.orders):",
        "if order is None:",
        T_LANDING + "the_same_version_again_is_no_change[sqlite]",
    ),
    Mutant(
        "an unversioned A-B-A stops at B",
        LANDING,
        "if row.version is None and newest_content == content:",
        "if row.version is None and any(o[2] == content for o in record.orders):",
        T_LANDING + "an_unversioned_stream_that_goes_a_b_a_ends_at_a[sqlite]",
    ),
    Mutant(
        "a row is later than the tombstone of its version",
        LANDING,
        "return (row.version, 1, content)",
        "return (row.version, 0, '')",
        T_LANDING + "at_one_version_the_tombstone_is_later_than_the_row[sqlite]",
    ),
    Mutant(
        "what is listed again stays dead",
        LANDING,
        "return (newest, generation + 1, content)  # it is there again",
        "pass",
        T_LANDING + "what_was_absent_and_is_listed_again_lives_at_the_same_version[sqlite-True]",
    ),
    Mutant(
        "what came meanwhile is said to be resolved",
        LANDING,
        " AND pending=1 AND latest<=:up_to",
        " AND pending=1 AND 0<=:up_to",
        T_LANDING + "what_lands_for_the_bulk_path_waits_until_it_is_settled_at_that_version[sqlite]",
    ),
    # pull
    Mutant(
        "one absence deletes",
        PULL,
        "ABSENT_TIMES = 2",
        "ABSENT_TIMES = 1",
        T_PULL + "a_record_is_deleted_when_a_second_complete_listing_lacks_it[sqlite]",
    ),
    Mutant(
        "a broken listing deletes a tenth",
        PULL,
        "ABSENT_SHARE = 0.02",
        "ABSENT_SHARE = 0.1",
        T_PULL + "more_than_two_percent_missing_at_once_deletes_nothing[sqlite]",
    ),
    Mutant(
        "a row that cannot be read is an absence",
        PULL,
        "        if aside:\n            self.result.notes",
        "        if False:\n            self.result.notes",
        T_PULL + "an_unreadable_listing_between_two_absences_neither_counts_nor_forgives[sqlite]",
    ),
    Mutant(
        "a page without rows is counted",
        PULL,
        "self.result.fetched += len(landed) + aside",
        "self.result.fetched += len(landed) + aside + (not landed)",
        T_PULL + "a_table_is_read_from_its_cursor_on_and_rows_of_one_version_are_not_lost[sqlite]",
    ),
    Mutant(
        "the cursor reads on after the last version (>)",
        "hub/connectors/sql_versions.py",
        "str):\n        return column >= bound(version)",
        "str):\n        return column > bound(version)",
        T_PULL + "a_table_is_read_from_its_cursor_on_and_rows_of_one_version_are_not_lost[sqlite]",
    ),
    # fold
    Mutant(
        "an echo counts as the source's word",
        FOLD,
        "return any(w.value_hash == value and before.first.order <= w.base < run.first.order for w in self.writes)",
        "return False",
        T_FOLD + "what_the_hub_wrote_reads_as_what_the_source_last_said",
    ),
    Mutant(
        "an echo for ever, whoever typed it",
        FOLD,
        "and before.first.order <= w.base < run.first.order",
        "",
        T_FOLD + "the_source_types_the_value_itself_later",
    ),
    Mutant(
        "an echo is the first word of a partial record",
        FOLD,
        "if found and (attribute in version.unread or (cell is None and partial)):",
        "if attribute in version.unread or (cell is None and partial):",
        T_FOLD + "an_echo_in_a_partial_stream_whose_first_rows_lack_the_field",
    ),
    Mutant(
        "a changed value is not taken back",
        FOLD,
        "if name not in kept and (name not in found or found[name].at <= at):",
        "if False:",
        "tests/golden_record/test_taken_back.py::test_a_changed_value_replaces_the_old_one_that_another_source_still_holds",
    ),
    Mutant(
        "what the hub wrote over was taken back by the source",
        FOLD,
        "if echoes[n] or at is None:",
        "if at is None:",
        T_FOLD + "what_the_hub_wrote_over_nobody_took_back",
    ),
    Mutant(
        "what was stated later is taken back all the same",
        "hub/golden_record/taken_back.py",
        "return sure > end.verified",
        "return False",
        "tests/golden_record/test_taken_back.py::test_what_stands_is_what_the_naive_restatement_says",
    ),
    Mutant(
        "each name wins alone",
        SURVIVE,
        "kept = _hang_together(by_attribute, customer)",
        "kept: dict[str, Sequence[Candidate]] = {}",
        "tests/golden_record/test_hanging.py::test_names_are_somebodys_and_do_not_depend_on_the_order",
    ),
    # matching
    Mutant(
        "a changed record keeps its old keys",
        MATCHING,
        "        _change_keys(connection, self.before, self.after, dead=False)\n",
        "",
        T_SETTLE + "a_record_that_changes_its_address_is_compared_anew[sqlite]",
    ),
    Mutant(
        "a block that fell under its cap is forgotten",
        MATCHING,
        "if len(was) > cap >= len(now):",
        "if False:",
        T_SETTLE + "a_block_that_falls_under_its_cap_gives_its_pairs_again[sqlite]",
    ),
    Mutant(
        "a block that grew over its cap keeps its pairs",
        MATCHING,
        "elif len(was) <= cap < len(now):",
        "elif False:",
        T_SETTLE + "a_block_that_grows_over_its_cap_takes_its_pairs_along[sqlite]",
    ),
    Mutant(
        "a sketch rules out two other letters",
        SHORTLIST,
        '"two": most <= 2',
        '"two": most <= 1',
        T_SHORTLIST + "a_level_at_its_edge_is_not_ruled_out[email-near-one5-other5]",
    ),
    Mutant(
        "a sketch rules out what is just alike",
        SHORTLIST,
        "3 * most <= ",
        "3 * most < ",
        T_SHORTLIST + "a_level_at_its_edge_is_not_ruled_out[family_name-similar-one1-other1]",
    ),
    Mutant(
        "a sketch counts placeholders",
        SHORTLIST,
        "found[where] = np.maximum(found[where], 0)",
        "pass",
        T_SHORTLIST + "placeholders_rule_nothing_out",
    ),
    Mutant(
        "nothing is clustered anew after a delete",
        "hub/matching/clusters/recluster.py",
        "kept = {p: w for p, w in weights.items() if p[0] in alive and p[1] in alive and",
        "alive |= {r: 'person' for r in reached.homes}\n    kept = {p: w for p, w in weights.items() if",
        T_SETTLE + "a_delete_parts_what_only_the_deleted_record_held_together[sqlite]",
    ),
    Mutant(
        "a contradicting decision enters",
        "hub/stewardship/doing.py",
        "self._check(pairs, verdict, landing.records(self.connection, ends))",
        "pass",
        "tests/promises/test_promises.py::test_a_decision_and_its_contradiction[sqlite-match]",
    ),
    Mutant(
        "an undo gives back what an undone act had made",
        "hub/stewardship/doing.py",
        "rows = [d for d in rows if d.origin not in undone]",
        "pass",
        T_UNDO + "what_was_made_and_taken_back_is_gone_once_both_acts_are_undone[sqlite-made0-taken_back0-order0]",
    ),
    Mutant(
        "heirs are found once and for all",
        "hub/matching/clusters/heirs.py",
        "doubtful = died | store.dead_near(connection, near) | store.heirs(connection, near).keys()",
        "doubtful = set(died)",
        T_SETTLE + "an_heir_that_dies_or_moves_away_hands_the_id_on[sqlite]",
    ),
    Mutant(
        "the heir of what a decision ties is not looked for again",
        "hub/matching/clusters/recluster.py",
        "near = frozenset(r for d in tied for r in (d.left, d.right))",
        "near = frozenset[int]()",
        T_UNDO + "a_dead_record_finds_its_heir_again_that_only_a_decision_ties_to_it[sqlite]",
    ),
    Mutant(
        "a birth that moves is no change",
        MATCHING,
        "(stored.folded.born, stored.folded.died) == (prepared.folded.born, prepared.folded.died)",
        "(stored.folded.died is None) == (prepared.folded.died is None)",
        T_UNDO + "a_record_that_was_born_earlier_again_shows_its_id_again[sqlite]",
    ),
    Mutant(
        "a dead record's birth that moves is no change",
        GOLDEN,
        "!= moved.after.get(d) or d in changed",
        "!= moved.after.get(d)",
        T_UNDO + "an_heir_shows_its_own_id_when_the_dead_record_was_born_later[sqlite]",
    ),
    Mutant(
        "a tombstone goes with the version that it ended",
        "hub/landing/suspension.py",
        "died = None if (info.id.source",
        "died = None if born is None or (info.id.source",
        T_UNDO + "a_record_of_which_a_tombstone_is_left_stays_dead_when_an_older_version_lands[sqlite]",
    ),
    # survivorship
    Mutant(
        "ties end by chance",
        SURVIVE,
        "(*r, _text(c.value), c.record)",
        "(*r,)",
        T_SURVIVE + "shuffling_the_members_never_changes_the_answer",
    ),
    Mutant(
        "null wins",
        SURVIVE,
        "if (cell.values or cell.cleared) and cell.in_effect(now):",
        "if cell.in_effect(now):",
        T_SURVIVE + "null_never_wins[most_recent]",
    ),
    Mutant(
        "a claim outranks a checked value",
        SURVIVE,
        "c.standing.verified, *merit(c)",
        "*merit(c)",
        T_SURVIVE + "a_verified_value_outranks_claimed_ones_under_every_rule[most_recent]",
    ),
    Mutant(
        "a record votes twice",
        SURVIVE,
        "for _, v in {(c.record, c.value) for c in candidates})",
        "for _, v in [(c.record, c.value) for c in candidates])",
        T_SURVIVE + "most_frequent_counts_a_record_once",
    ),
    Mutant(
        "an override outlives its end",
        SURVIVE,
        " and (override.until is None or now < override.until)",
        "",
        T_SURVIVE + "an_override_ends_at_its_time_and_an_earlier_one_stands_again",
    ),
    Mutant(
        "an override follows nobody",
        SURVIVE,
        "if override.anchor in members and",
        "if",
        T_SURVIVE + "an_override_whose_anchor_is_no_member_is_inactive",
    ),
    Mutant(
        "no date is looked at again",
        SURVIVE,
        "return min((e for e in edges if e is not None and e > now), default=None)",
        "return None",
        T_SURVIVE + "a_value_dated_later_takes_effect_by_itself_and_ends_by_itself[sqlite]",
    ),
    # golden records
    Mutant(
        "it commits before the outbox",
        "hub/golden_record/store.py",
        "    db.insert_many(connection, table(ChangeRow), CHANGE_COLUMNS, rows)",
        '    connection.exec_driver_sql("COMMIT")\n    connection.exec_driver_sql("BEGIN IMMEDIATE")\n    db.insert_many(connection, table(ChangeRow), CHANGE_COLUMNS, rows)',
        T_SETTLE + "a_unit_that_fails_at_any_step_leaves_every_table_as_it_was[sqlite-outbox]",
    ),
    Mutant(
        "an id's move is not told",
        GOLDEN,
        "    store.save_moves(connection, rows.moves, at)\n",
        "",
        T_VERIFY + "a_sound_hub_has_no_differences_and_everything_was_looked_at[sqlite]",
    ),
    Mutant(
        "old search terms stay",
        GOLDEN,
        "store.remove_terms(connection, before - after)",
        "store.remove_terms(connection, ())",
        T_VERIFY + "a_sound_hub_has_no_differences_and_everything_was_looked_at[sqlite]",
    ),
    # the database
    Mutant(
        "PostgreSQL's writers are not alone",
        "hub/db/database.py",
        "SELECT pg_advisory_xact_lock({WRITER_LOCK})",
        "SELECT {WRITER_LOCK}",
        T_DB + "two_processes_worth_of_databases_exclude_each_other[postgresql]",
    ),
    Mutant(
        "SQLite's writers are not alone",
        "hub/db/database.py",
        '"BEGIN IMMEDIATE"',
        '"BEGIN"',
        T_DB + "two_processes_worth_of_databases_exclude_each_other[sqlite]",
    ),
    Mutant(
        "a rehearsal is the real thing",
        "hub/db/rehearsal.py",
        "            raise _RolledBack\n",
        "",
        T_DB + "a_rehearsal_is_real_while_it_lasts_and_leaves_nothing[sqlite]",
    ),
    # bulk
    Mutant(
        "what moved during a bulk run is left as it was",
        "hub/resolve/bulk.py",
        "late = self.late.union(landing.pending(connection))",
        "late = set[int]()",
        T_BULK
        + "what_moves_while_a_bulk_run_is_under_way_is_caught_up_with[sqlite-a-record-moves-to-another-customer-standardise]",
    ),
    Mutant(
        "a bulk run forgets to settle what was pending",
        "hub/resolve/settle.py",
        "landing.settle_pending(connection, [i.rid for i in waiting],",
        "(lambda *_: None)(connection, [i.rid for i in waiting],",
        T_BULK + "what_a_bulk_run_resolved_is_not_left_to_the_live_path[sqlite]",
    ),
    # delivery
    Mutant(
        "a claimed value is written back",
        "hub/access/handover.py",
        'value for rid, _, index in why["won"] if attribute in checked.get(rid, ())',
        'value for rid, _, index in why["won"]',
        T_PUSH + "a_claimed_value_is_never_written_back_until_somebody_verifies_it[sqlite]",
    ),
    Mutant(
        "a write has no condition",
        "hub/delivery/write_back.py",
        "expected.update(mapper.held(attribute, raw))",
        "pass",
        T_PLAN + "only_what_differs_is_planned_on_condition_of_what_was_there",
    ),
    Mutant(
        "no breaker",
        "hub/delivery/write_back.py",
        "[-TRIPS_AT:] == [hash_] * TRIPS_AT:",
        "[-TRIPS_AT:] == [hash_] * 99:",
        T_PLAN + "a_value_that_did_not_stick_twice_is_not_tried_a_third_time",
    ),
    Mutant(
        "writes are not logged",
        "hub/delivery/run.py",
        "landing.log_write(connection, w.rid, attribute, hash_, origin=origin, at=now, parts=p.parts[attribute])",
        "pass",
        T_PUSH + "what_comes_back_is_an_echo_neither_evidence_nor_vote_nor_change[sqlite]",
    ),
    Mutant(
        "a write that did not happen is an echo",
        "hub/delivery/run.py",
        '("conflict", "gone", "rejected")',
        '("gone", "rejected")',
        T_PUSH + "an_edit_between_pull_and_push_is_a_conflict_and_the_write_follows_the_next_pull[sqlite]",
    ),
    Mutant(
        "another try trips the breaker",
        "hub/landing/store/writes.py",
        "if last == (value_hash, *base):",
        "if False:",
        T_PUSH + "a_source_that_is_away_for_hours_gets_its_write_when_it_is_back[sqlite]",
    ),
    Mutant(
        "a dead sender's records wait for ever",
        "hub/delivery/store.py",
        "status IN ('pending', 'sending')",
        "status IN ('pending')",
        T_PUSH + "a_sender_that_dies_leaves_nothing_undone_and_nothing_done_twice[sqlite-post-send]",
    ),
    Mutant(
        "an attribute goes where it is not shown",
        "hub/access/policy/view.py",
        "return frozenset(a for a, sight in self.of(type_name).items() if sight is Sight.SHOW)",
        "return frozenset(self.of(type_name))",
        T_PUSH + "an_attribute_that_the_sources_role_is_not_shown_never_goes_there[sqlite]",
    ),
    # jobs
    Mutant(
        "two processes run one job",
        "hub/db/leases.py",
        "found[0][0] != holder and found[0][1] > now and not _is_dead(found[0][0])",
        "False",
        "tests/work/test_jobs.py::test_one_holder_at_a_time_who_may_take_it_again[sqlite]",
    ),
]


def preload() -> None:
    """Import what the hub stands on once, before forking: a run then loads the copied tree alone."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run_tests(folder: Path, tests: Sequence[str]) -> int:
    """pytest's exit status, in a process of its own: 0 all passed, 1 some failed, more: it could not run them."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = _in_child(folder, tests)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    started = time.monotonic()
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - started > PATIENCE * len(tests):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 1  # it hangs: that is noticed too
        time.sleep(0.05)


def _in_child(folder: Path, tests: Sequence[str]) -> int:
    for name in [n for n in sys.modules if n.partition(".")[0] in ("tests", "hub")]:
        del sys.modules[name]
    kept = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(kept, 1)
    os.dup2(kept, 2)
    os.chdir(folder)
    sys.path[:] = [str(folder), *(p for p in sys.path if p not in ("", str(ROOT)))]
    os.environ.update(PYTHONPATH=str(folder), HUB_EXAMPLES="12")
    status = int(
        pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning", *tests])
    )
    import hub

    assert Path(hub.__file__ or "").parent == folder / "hub", "the wrong tree was tested"
    return status


def put(path: Path, text: str) -> None:
    """Write a source file so that no compiled one passes for it."""
    path.write_text(text, encoding="utf-8")
    later = next(_times)
    os.utime(path, (later, later))


def seed(sound: str, mutant: Mutant) -> str:
    """A file with the bug in it; as it was where the bug's place is not found. How lines are broken does not matter."""
    indent = mutant.old[: len(mutant.old) - len(mutant.old.lstrip(" "))]
    words = re.findall(r"\w+|[^\w\s]", mutant.old)
    spelled = r"\s*".join((r",?\s*" if word in ")]}" else "") + re.escape(word) for word in words)
    return re.sub(spelled, lambda _: mutant.new.strip("\n").removeprefix(indent), sound)


def try_out(folder: Path, mutant: Mutant) -> str:
    """What became of one mutant: caught, SURVIVED, or why it could not be tried."""
    path = folder / mutant.file
    sound = path.read_text(encoding="utf-8")
    seeded = seed(sound, mutant)
    if seeded == sound:
        return "PATCH DOES NOT FIT"
    put(path, seeded)
    try:
        status = run_tests(folder, [mutant.test])
    finally:
        put(path, sound)
    return {0: "SURVIVED", 1: "caught"}.get(status, f"COULD NOT RUN ({status})")


def main(words: Sequence[str]) -> int:
    """Try all mutants whose name, file or test holds one of the words; all of them without any."""
    chosen = [m for m in MUTANTS if not words or any(w in f"{m.what} {m.file} {m.test}" for w in words)]
    if not chosen:
        print(f"no seeded bug holds any of: {', '.join(words)}")
        return 1
    failed = 0
    preload()
    with tempfile.TemporaryDirectory(prefix="mutants") as name:
        folder = Path(name)
        for part in COPIED:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / part)
        if run_tests(folder, sorted({m.test for m in chosen})) != 0:
            print((folder / "output.txt").read_text(encoding="utf-8")[-4000:])
            print("The tests must pass before bugs are seeded: they do not.")
            return 1
        for number, mutant in enumerate(chosen, 1):
            started = time.monotonic()
            found = try_out(folder, mutant)
            failed += found != "caught"
            print(
                f"{number:3}/{len(chosen)}  {found:8}  {mutant.what}  [{mutant.file}]\n{'':16}  {mutant.test}  {time.monotonic() - started:.1f} s",
                flush=True,
            )
    print(f"{len(chosen)} seeded bugs, {len(chosen) - failed} caught, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
