"""Colours, shown in small letters; hex codes of a few of them are read as their names.

A new kind is one file: what it cleans, how two values agree, what its masked view shows and its line in the
reference. This one is done once, and used as all others are. Forms: "" the colour, "tone" light or dark.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from docs.generate import kinds
from hub.connectors.mapping.mapper import Mapper
from hub.kinds import KINDS, LEVELS, register
from hub.kinds.base import Cleaned, Context, Forms, Kind, Problem
from hub.kinds.levels_base import Level, scalar
from hub.kinds.reading import hidden_mask, or_none, read, text_of, words
from hub.matching.compare.model import default_model
from hub.matching.compare.score import weigh
from hub.matching.compare.standardised import Standardiser
from hub.model import Cell, Value
from hub.settings import CustomerType, Stream
from tests.answers.subjects import of_kind, of_levels
from tests.kinds import test_every_kind as every

NAMES = {"ff0000": "red", "8b0000": "dark red", "0000ff": "blue"}
LEVELS_OF_COLOUR = (
    Level("exact", "the same colour", 0.9, 0.1, tf="value"),
    Level("shade", "another shade of one colour", 0.05, 0.1),
    Level("other", "another colour", 0.05, 0.8),
)


def clean(raw: object, context: Context) -> Cleaned | Problem | None:
    text = read(raw)
    if not isinstance(text, str):
        return text
    again = read(text.casefold())
    if not isinstance(again, str):
        return again
    return Cleaned(NAMES.get(again.removeprefix("#"), again))


def forms(value: Value) -> Forms:
    said = words(text_of(value))
    return {"": or_none(said), "tone": "dark" if said.startswith("dark ") else or_none(said and "light")}


def _level(a: str, b: str) -> int:
    return 0 if a == b else 1 if a.split()[-1] == b.split()[-1] else 2


def _level_sql(a: str, b: str) -> str:
    last = f"split_part({a}, ' ', -1) = split_part({b}, ' ', -1)"
    return f"(CASE WHEN {a} = {b} THEN 0 WHEN {last} THEN 1 ELSE 2 END)"


COLOUR = Kind(
    name="colour",
    clean=clean,
    forms=forms,
    mask=hidden_mask,
    keys=("", "tone"),
    levels=scalar(LEVELS_OF_COLOUR, _level_sql, _level),
)
PERSON = {
    "attributes": {"name": {"kind": "text"}, "eyes": {"kind": "colour"}},
    "matching": {"rules": [["name", "eyes.tone"]]},
}


@pytest.fixture(autouse=True)
def _known() -> Iterator[None]:
    register(COLOUR, __doc__ or "")
    yield
    del KINDS["colour"], LEVELS["colour"]


def test_it_is_held_to_what_every_kind_is_held_to() -> None:
    kind = KINDS["colour"]
    every.test_cleaning_never_raises_and_cleaning_twice_changes_nothing(kind=kind)
    every.test_forms_and_masks_take_any_text(kind=kind)
    every.test_keys_and_placeholders_name_what_exists(kind)
    every.test_ten_kilobytes_are_a_problem(kind)
    for raw in ("", " ", "n/a", None, [], {}):
        every.test_what_says_nothing_is_nothing(kind, raw)


def test_a_configuration_names_it_and_rows_are_cleaned_by_it() -> None:
    person = CustomerType.model_validate(PERSON)
    stream = Stream.model_validate({"customer": "person", "key": "id", "map": {"eyes": "eye_colour"}})
    mapped = Mapper("people", stream, person).map({"id": "1", "eye_colour": "#FF0000"})
    assert mapped.cells["eyes"].values == ("red",)


def test_records_compare_by_its_levels() -> None:
    person = CustomerType.model_validate(PERSON)
    model, standardiser = default_model(person), Standardiser(person)

    def eyes(colour: str) -> dict[str, object]:
        found = KINDS["colour"].clean(colour, Context())
        assert isinstance(found, Cleaned)
        cell = Cell((found.value,))
        return standardiser.forms({"name": Cell(("Anna",)), "eyes": cell}, lambda _: True)

    same, shade, other = (weigh(eyes("red"), eyes(c), model).weight for c in ("#ff0000", "Dark Red", "blue"))
    assert same > shade > other


def test_it_is_in_the_reference_in_its_files_words() -> None:
    (line,) = [line for line in kinds() if "`colour`" in line]
    assert "Colours, shown in small letters" in line
    assert "tone" in line


def test_its_answers_can_be_kept_in_a_golden_file() -> None:
    assert of_kind(COLOUR).answer(["#0000FF", {}])["clean"] == "blue"
    assert of_levels("colour").answer([{"x": "red"}, {"x": "dark red"}]) == "shade"


def test_a_second_kind_of_its_name_is_refused() -> None:
    with pytest.raises(ValueError, match="two kinds of the name 'colour'"):
        register(COLOUR, "")


def test_without_it_the_configuration_says_which_kinds_there_are() -> None:
    with pytest.raises(ValueError, match=r"known kinds: .*colour"):
        CustomerType.model_validate({"attributes": {"eyes": {"kind": "couleur"}}})
