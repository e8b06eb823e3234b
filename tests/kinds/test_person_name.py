"""Full names in one column."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context

KIND = KINDS["person_name"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("John Smith", {"given_name": "John", "family_name": "Smith"}),
        ("Smith, John", {"given_name": "John", "family_name": "Smith"}),
        ("Smith, John Jr", {"given_name": "John", "family_name": "Smith", "name_suffix": "Jr"}),
        ("van der Berg, Jan", {"given_name": "Jan", "family_name": "van der Berg"}),
        ("Ludwig van Beethoven", {"given_name": "Ludwig", "family_name": "van Beethoven"}),
        (
            "Dr. Anna Maria Schmidt",
            {"title": "Dr.", "given_name": "Anna", "middle_name": "Maria", "family_name": "Schmidt"},
        ),
        ("John Smith III", {"given_name": "John", "family_name": "Smith", "name_suffix": "III"}),
        ("DUPONT Jean", {"given_name": "Jean", "family_name": "DUPONT"}),
        ("DE LA TOUR Jean Marie", {"given_name": "Jean", "middle_name": "Marie", "family_name": "DE LA TOUR"}),
        ("Jean DUPONT", {"given_name": "Jean", "family_name": "DUPONT"}),
        ("von Trapp", {"family_name": "von Trapp"}),
        ("王小明", {"given_name": "小明", "family_name": "王"}),
        ("李明", {"given_name": "明", "family_name": "李"}),
        ("欧阳修", {"given_name": "修", "family_name": "欧阳"}),
        ("司馬相如", {"given_name": "相如", "family_name": "司馬"}),
        ("山田太郎", {"given_name": "太郎", "family_name": "山田"}),
        ("山田さくら", {"given_name": "さくら", "family_name": "山田"}),
        ("김철수", {"given_name": "철수", "family_name": "김"}),
        ("Иванов Иван Иванович", {"given_name": "Иван", "middle_name": "Иванович", "family_name": "Иванов"}),
        ("Петрова Анна Сергеевна", {"given_name": "Анна", "middle_name": "Сергеевна", "family_name": "Петрова"}),
        ("Анна Сергеевна Петрова", {"given_name": "Анна", "middle_name": "Сергеевна", "family_name": "Петрова"}),
        (
            "Роман Аркадьевич Абрамович",
            {"given_name": "Роман", "middle_name": "Аркадьевич", "family_name": "Абрамович"},
        ),
        ("Ivanov Ivan Ivanovich", {"given_name": "Ivan", "middle_name": "Ivanovich", "family_name": "Ivanov"}),
        ("John Michael Abramovich", {"given_name": "John", "middle_name": "Michael", "family_name": "Abramovich"}),
        ("田中 太郎", {"given_name": "太郎", "family_name": "田中"}),
        ("Иван Петров", {"given_name": "Иван", "family_name": "Петров"}),
        ("Mr Smith", {"title": "Mr", "family_name": "Smith"}),
    ],
)
def test_a_full_name_stands_for_its_parts(text: str, parts: dict[str, str]) -> None:
    assert KIND.expand is not None
    assert KIND.expand(text) == parts


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Nagy Péter", {"given_name": "Péter", "family_name": "Nagy"}),
        ("Kovács János István", {"given_name": "János", "middle_name": "István", "family_name": "Kovács"}),
        ("Dr. Nagy Péter", {"title": "Dr.", "given_name": "Péter", "family_name": "Nagy"}),
        ("Wang Xiaoming", {"given_name": "Xiaoming", "family_name": "Wang"}),
        ("Péter, Nagy", {"given_name": "Nagy", "family_name": "Péter"}),  # a comma has said it
        ("van der Berg Jan", {"given_name": "Jan", "family_name": "van der Berg"}),
        ("Cher", {"given_name": "Cher"}),
    ],
)
def test_a_source_may_write_all_its_names_family_first(text: str, parts: dict[str, str]) -> None:
    assert KIND.expand is not None
    assert KIND.expand(text, family_first=True) == parts


def test_the_short_cut_for_two_words_agrees_with_the_parser() -> None:
    from hub.kinds.person_name import _expand, _parse

    for given in ("John", "Ann", "king", "Dean", "Van", "Abu", "Mo", "Santa"):
        for family in ("Smith", "Berg", "Jr", "King", "Ma", "Do", "Esq", "Von", "Y"):
            assert _expand(f"{given} {family}") == _parse(f"{given} {family}")


def test_order_of_the_parts_does_not_matter_to_the_sorted_form() -> None:
    assert KIND.forms("Smith, John")["sorted"] == KIND.forms("Mr. John Smith Jr.")["sorted"] == "john smith"


def test_a_sharp_s_stays_one_letter() -> None:
    from hub.kinds import KINDS
    from hub.kinds.base import Cleaned, Context

    once = KINDS["person_name"].clean("ß0", Context())
    assert isinstance(once, Cleaned)
    assert KINDS["person_name"].clean(once.value, Context()) == once


@pytest.mark.parametrize(
    ("text", "given", "family"),
    [
        ("Ben Smith", "Ben", "Smith"),
        ("BEN SMITH", "Ben", "Smith"),
        ("Al Gore", "Al", "Gore"),
        ("Della Reese", "Della", "Reese"),
        ("E Street", "E", "Street"),
        ("Des Lynam", "Des", "Lynam"),
        ("DES LYNAM", "Des", "Lynam"),
        ("Di Nowak", "Di", "Nowak"),
        ("Bin Li", "Bin", "Li"),
        ("Dr. Ben Carson", "Ben", "Carson"),
        ("Tom Weber", "Tom", "Weber"),
        ("von Trapp", None, "von Trapp"),
        ("van Dyk", None, "van Dyk"),
        ("della Rovere", None, "della Rovere"),
        ("Ben van Dyk", "Ben", "van Dyk"),
        ("Pastor Ruiz", "Pastor", "Ruiz"),
        ("Judge Reinhold", "Judge", "Reinhold"),
        ("Dean Martin", "Dean", "Martin"),
        ("Earl Warren", "Earl", "Warren"),
        ("Prince Adu", "Prince", "Adu"),
        ("Dr. Pastor Ruiz", "Pastor", "Ruiz"),
        ("Pastor Maria Ruiz", "Maria", "Ruiz"),
        ("Herr Müller", None, "Müller"),
        ("Herr von und zu Guttenberg", None, "von und zu Guttenberg"),
        ("Prof. Dr. Dr. h.c. Hans Meier", "Hans", "Meier"),
        ("Dr. h. c. mult. Hans Meier", "Hans", "Meier"),
        ("Dipl.-Kfm. Hans Meier", "Hans", "Meier"),
        ("Familie Schmidt", None, "Schmidt"),
        ("Fru Hansen", None, "Hansen"),
        ("გიორგი მაისურაძე", "გიორგი", "მაისურაძე"),
        ("Dr. Müller", None, "Müller"),
        ("Doctor Smith", None, "Smith"),
        ("Yo-Yo Ma", "Yo-Yo", "Ma"),
        ("Kim Do", "Kim", "Do"),
        ("Jennifer Null", "Jennifer", "Null"),
        ("Anna PhD", "Anna", None),
    ],
)
def test_with_nothing_else_to_be_the_given_name_the_first_word_is(
    text: str, given: str | None, family: str | None
) -> None:
    cleaned = KIND.clean(text, Context())
    assert isinstance(cleaned, Cleaned) and KIND.expand is not None
    found = KIND.expand(cleaned.value)
    assert (found.get("given_name"), found.get("family_name")) == (given, family)
