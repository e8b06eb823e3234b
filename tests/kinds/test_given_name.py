"""Given names: shown as people write them, compared by sound and nickname."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context, Problem
from hub.kinds.given_name import canonical

KIND = KINDS["given_name"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("  Mary \t Ann ", "Mary Ann"),
        ("JOSÉ", "José"),
        ("mary-ann", "Mary-Ann"),
        ("DeShawn", "DeShawn"),
        ("Jose\u0301", "José"),
        ("AJ", "AJ"),
        ("J.", "J."),
        ("An\u200bna\u0000", "Anna"),
        ("田中", "田中"),
        ("Nan", "Nan"),
    ],
)
def test_names_are_shown_tidy(raw: str, shown: str) -> None:
    assert KIND.clean(raw, Context()) == Cleaned(shown)


@pytest.mark.parametrize("raw", ["123", True, ["a", "b"], {"x": 1}, b"x"])
def test_what_is_no_name_is_a_problem(raw: object) -> None:
    assert isinstance(KIND.clean(raw, Context()), Problem)


def test_forms_of_a_double_name() -> None:
    assert KIND.forms("Mary-Ann") == {
        "": "mary ann",
        "first": "mary",
        "initial": "m",
        "sound": "mr",
        "canonical": "mary",
    }


@pytest.mark.parametrize(
    ("one", "other"), [("Jürgen", "Jurgen"), ("O’Shea", "OShea"), ("Владимир", "Vladimir"), ("ANNA", "Anna")]
)
def test_spellings_with_one_main_form(one: str, other: str) -> None:
    assert KIND.forms(one)[""] == KIND.forms(other)[""]


@pytest.mark.parametrize(
    ("nickname", "name"),
    [
        ("bob", "robert"),
        ("rob", "robert"),
        ("bill", "william"),
        ("liz", "elizabeth"),
        ("betty", "elizabeth"),
        ("mike", "michael"),
        ("peggy", "margaret"),
        ("jack", "john"),
        ("hans", "johannes"),
        ("pepe", "jose"),
        ("katya", "ekaterina"),
        ("catherine", "katherine"),
    ],
)
def test_nicknames_lead_to_a_formal_name(nickname: str, name: str) -> None:
    assert canonical(nickname) == name == canonical(name)


@pytest.mark.parametrize(
    "name", ["mary", "michael", "john", "emma", "eva", "lee", "julia", "noah", "anna", "zzyzx", "li", "fatima"]
)
def test_formal_and_unknown_names_are_themselves(name: str) -> None:
    assert canonical(name) == name


def test_canonical_names_are_settled() -> None:
    from hub.kinds.given_name import _families

    assert all(canonical(name) == name for name in _families().values())


def test_placeholders_are_no_evidence() -> None:
    assert KIND.forms("TEST")[""] in KIND.placeholders
    assert KIND.forms("Test")["sound"] is None
