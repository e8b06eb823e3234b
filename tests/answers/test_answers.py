"""An answer of a kind or a reader changes only with its version: else rows made before would be wrong, not stale."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.kinds import KINDS, LEVELS
from tests.answers.kept import changed, inputs, path, read, spelled
from tests.answers.subjects import SUBJECTS, Subject

AGAIN = "make the golden files anew: python -m tests.answers"


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_answers_change_with_their_version_only(subject: Subject) -> None:
    kept = read(subject.name)
    assert kept is not None, f"{subject.name} has no golden file; {AGAIN}"
    told = changed(subject, kept)
    assert told is None, told
    assert kept.versions == subject.versions, f"a version was raised; {AGAIN}"
    now = {spelled(asked): subject.answer(asked) for asked in inputs(subject)}
    assert kept.answers == now, f"a version was raised, or inputs changed; {AGAIN}"


def test_every_kind_and_its_levels_are_asked_hundreds_of_things() -> None:
    assert {f"kind {name}" for name in KINDS} | {f"levels {name}" for name in LEVELS} <= set(SUBJECTS)
    assert {path(name).name for name in SUBJECTS} == {file.name for file in path("x").parent.iterdir()}
    few = {name: len(kept.answers) for name in SUBJECTS if (kept := read(name)) and len(kept.answers) < 200}
    assert few == {}


def test_a_changed_answer_is_told_until_its_version_rises() -> None:
    subject, kept = SUBJECTS["kind text"], read("kind text")
    other = replace(subject, answer=lambda asked: "other" if asked[0] == "Berlin" else subject.answer(asked))
    told = changed(other, kept)
    assert told is not None
    assert "version in hub/kinds/text.py" in told and "python -m tests.answers" in told and "was " in told
    assert changed(replace(other, versions={**subject.versions, "kind text": 9}), kept) is None
    assert changed(subject, kept) is None
