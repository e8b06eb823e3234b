"""Domain, category, consent, number and text."""

from __future__ import annotations

import pytest

from hub.kinds import KINDS
from hub.kinds.base import Cleaned, Context, Problem


@pytest.mark.parametrize(
    ("kind", "raw", "shown"),
    [
        ("domain", "https://www.Acme.co.uk:8080/x?y", "acme.co.uk"),
        ("domain", "info@acme.com", "acme.com"),
        ("domain", "www.acme.com.", "acme.com"),
        ("domain", "xn--kln-sna.de", "köln.de"),
        ("domain", "www.com", "www.com"),
        ("category", " M ", "male"),
        ("category", "Weiblich", "female"),
        ("category", "M.", "m."),
        ("category", "Dr.", "dr"),
        ("category", "IT  Services", "it services"),
        ("category", "STRASSE", "strasse"),
        ("category", True, "true"),
        ("consent", True, "granted"),
        ("consent", "opt-in", "granted"),
        ("consent", 1, "granted"),
        ("consent", "YES", "granted"),
        ("consent", 0, "denied"),
        ("consent", "opted_out", "denied"),
        ("consent", "нет", "denied"),
        ("number", "1,200.50", "1200.5"),
        ("number", "1.234.567,5", "1234567.5"),
        ("number", "1.200,50", "1200.5"),
        ("number", "12,5", "12.5"),
        ("number", "1.234", "1.234"),
        ("number", "1'200", "1200"),
        ("number", "-0.0", "0"),
        ("number", 1e3, "1000"),
        ("number", "007", "7"),
        ("text", "a \n b", "a b"),
        ("text", 5.0, "5"),
    ],
)
def test_values_are_read(kind: str, raw: object, shown: str) -> None:
    assert KINDS[kind].clean(raw, Context()) == Cleaned(shown)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("domain", "acme"),
        ("domain", "a b.com"),
        ("domain", "1.2.3.4"),
        ("consent", "maybe"),
        ("consent", "2"),
        ("number", "many"),
        ("number", True),
        ("number", "1e999"),
        ("number", "12 or 13"),
    ],
)
def test_what_cannot_be_read_is_a_problem(kind: str, raw: object) -> None:
    assert isinstance(KINDS[kind].clean(raw, Context()), Problem)


@pytest.mark.parametrize(
    ("kind", "value", "forms"),
    [
        ("domain", "köln.de", {"": "koln.de", "name": "koln"}),
        ("category", "male", {"": "male"}),
        ("consent", "granted", {"": "granted"}),
        ("number", "1200.5", {"": "1200.5", "magnitude": 4}),
        ("text", "Software-Entwickler", {"": "software entwickler", "sound": "sftr"}),
    ],
)
def test_forms(kind: str, value: str, forms: dict[str, object]) -> None:
    assert KINDS[kind].forms(value) == forms


def test_masks() -> None:
    assert KINDS["domain"].mask("acme.com") == "***.com"
    assert {KINDS[kind].mask("engineer") for kind in ("category", "consent", "number", "text", "name_suffix")} == {
        "***"
    }
