"""Views: unnamed is hidden, and what is seen depends on nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from hub.access.policy.view import changed_in_view, compile_view, pseudonym, see, visible_forms
from hub.model import Sight

TYPES = {"person": ("name", "email", "tax_id"), "organisation": ("name",)}
KEY = b"k"
MASKS = {a: lambda _v: "***" for a in TYPES["person"]}

sights = st.sampled_from(list(Sight))
views = st.dictionaries(st.sampled_from(["name", "email", "tax_id", "*"]), sights)
values = st.dictionaries(
    st.sampled_from(["name", "email", "tax_id"]), st.lists(st.sampled_from(["a", "b"]), max_size=2)
)


def test_a_role_without_views_sees_nothing() -> None:
    view = compile_view("stranger", {}, TYPES)
    assert not view.sees("person") and view.shown("person") == frozenset()
    assert see({"name": ["a"]}, view.of("person"), MASKS, KEY) == {}


def test_unnamed_means_hidden_and_a_star_stands_for_the_unnamed() -> None:
    assert compile_view("r", {"person": {"name": Sight.SHOW}}, TYPES).of("person") == {"name": Sight.SHOW}
    starred = compile_view("r", {"person": {"*": Sight.SHOW, "tax_id": Sight.HIDE}}, TYPES)
    assert starred.shown("person") == {"name", "email"} and not starred.sees("organisation")


def test_a_type_whose_attributes_are_all_hidden_is_never_seen() -> None:
    assert not compile_view("r", {"person": {"*": Sight.HIDE}}, TYPES).sees("person")


@given(views, values, values)
def test_hidden_values_never_alter_what_is_seen(
    named: dict[str, Sight], one: dict[str, list[str]], other: dict[str, list[str]]
) -> None:
    columns = compile_view("r", {"person": named}, TYPES).of("person")
    mixed = {a: v for a, v in one.items() if a in columns} | {a: v for a, v in other.items() if a not in columns}
    assert see(one, columns, MASKS, KEY) == see(mixed, columns, MASKS, KEY)


@given(views)
def test_masked_and_pseudonymised_values_do_not_hold_the_value(named: dict[str, Sight]) -> None:
    columns = compile_view("r", {"person": named}, TYPES).of("person")
    seen = see({a: ["secret-value"] for a in TYPES["person"]}, columns, MASKS, KEY)
    assert all(("secret-value" in v) == (columns[a] is Sight.SHOW) for a, v in seen.items())


def test_a_pseudonym_is_stable_per_value_and_says_nothing_without_the_key() -> None:
    assert pseudonym(KEY, "email", "a@b.c") == pseudonym(KEY, "email", "a@b.c")
    others = {pseudonym(KEY, "email", "x@b.c"), pseudonym(b"other", "email", "a@b.c"), pseudonym(KEY, "phone", "a@b.c")}
    assert pseudonym(KEY, "email", "a@b.c") not in others and len(others) == 3


def test_two_views_never_share_a_version() -> None:
    one = compile_view("r", {"person": {"name": Sight.SHOW}}, TYPES)
    assert one.version == compile_view("r", {"person": {"name": Sight.SHOW}}, TYPES).version
    assert one.version != compile_view("r", {"person": {"name": Sight.MASK}}, TYPES).version
    assert one.version != compile_view("r", {"person": {"name": Sight.SHOW}}, TYPES, may=["crosswalk"]).version


def test_evidence_of_hidden_attributes_is_left_out() -> None:
    forms = {"name": "ana", "name.sound": "an", "tax_id": "1", "email.local": ["ana"], "claimed": ["email", "name"]}
    assert visible_forms(forms, frozenset({"name"})) == {"name": "ana", "name.sound": "an", "claimed": ["name"]}


def test_a_change_of_hidden_attributes_alone_is_none() -> None:
    columns = compile_view("r", {"person": {"name": Sight.SHOW}}, TYPES).of("person")
    assert changed_in_view(["tax_id"], columns) == () and changed_in_view(["tax_id", "name"], columns) == ("name",)
