"""Suffixes and their splitting off."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context
from hub.kinds.name_suffix import split_suffix

KIND = KINDS["name_suffix"]


@pytest.mark.parametrize(
    ("raw", "shown"), [("jr.", "Jr"), ("JUNIOR", "Jr"), ("Sr", "Sr"), ("3rd", "III"), ("iii", "III"), ("PhD", "PhD")]
)
def test_suffixes_have_one_spelling(raw: str, shown: str) -> None:
    assert KIND.clean(raw, Context()) == Cleaned(shown)
    assert KIND.forms(raw)[""] == KIND.forms(shown)[""]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("Smith Jr", ("Smith", "Jr")),
        ("Smith, Jr.", ("Smith", "Jr")),
        ("Smith III", ("Smith", "III")),
        ("Smith (senior)", ("Smith", "Sr")),
        ("Smith", ("Smith", None)),
        ("Jr", ("Jr", None)),
        ("Smith V", ("Smith V", None)),
        ("Major", ("Major", None)),
        ("", ("", None)),
    ],
)
def test_suffixes_are_split_off_family_names(text: str, split: tuple[str, str | None]) -> None:
    assert split_suffix(text) == split
