"""The golden files: for each kind and reader its versions, and inputs with their answers, a line each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.answers.subjects import Subject

FOLDER = Path(__file__).parent / "files"
SHOWN = 3  # differences told at once


@dataclass(frozen=True)
class Kept:
    """What a file says. `answers`: input as JSON -> answer."""

    versions: Mapping[str, int | str]
    answers: Mapping[str, Any]


def path(name: str) -> Path:
    return FOLDER / f"{name.replace(' ', '_')}.json"


def read(name: str) -> Kept | None:
    if not path(name).exists():
        return None
    found = json.loads(path(name).read_text(encoding="utf-8"))
    return Kept(found["versions"], {spelled(asked): answer for asked, answer in found["answers"]})


def write(subject: Subject) -> None:
    """The answers of today, to the inputs of today."""
    lines = ",\n".join(f"[{spelled(asked)}, {spelled(subject.answer(asked))}]" for asked in inputs(subject))
    text = f'{{"versions": {spelled(subject.versions)},\n"answers": [\n{lines}\n]}}\n'
    path(subject.name).write_text(text, encoding="utf-8")


def inputs(subject: Subject) -> list[Any]:
    """As a file gives them back, each once."""
    return [json.loads(text) for text in dict.fromkeys(spelled(asked) for asked in subject.inputs())]


def spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def differing(subject: Subject, kept: Kept) -> list[str]:
    """Kept inputs that are answered otherwise today, each in a line."""
    return [
        f"{asked}: was {spelled(answer)}, is {now}"
        for asked, answer in kept.answers.items()
        if (now := spelled(subject.answer(json.loads(asked)))) != spelled(answer)
    ]


def raised(subject: Subject, kept: Kept) -> bool:
    """Did a version that the answers hang on rise, or a library change?"""
    then = kept.versions
    return any(
        now != then.get(name) if isinstance(now, str) else now > int(then.get(name, 0))
        for name, now in subject.versions.items()
    )


def changed(subject: Subject, kept: Kept | None) -> str | None:
    """What to do when answers changed and no version rose; None: all is well."""
    if kept is None or not (found := differing(subject, kept)) or raised(subject, kept):
        return None
    return "\n  ".join(
        (
            f"{subject.name}: {len(found)} of {len(kept.answers)} answers changed, and its version did not rise.",
            f"Raise {subject.where}, so that rows made by the old answers are counted stale; then: python -m tests.answers",
            *found[:SHOWN],
        )
    )
