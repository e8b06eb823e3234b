"""A matching model as frozen data: what is compared, what each level weighs, which keys make candidates.

The weight of a pair is a sum of integer milli-bits. Three sums are kept, the evidence for one customer
against each rival story: two *strangers*; two members of one *household*, who share family name,
address, landline and sometimes e-mail; two *namesakes*, whose e-mail addresses are made of one name.
The weight is the smallest of the three, rounded off where they meet, so what a household or a name
brings with it is never counted as if it were independent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from hub.kinds import KINDS, LEVELS
from hub.kinds.levels_address import COMPANY_ADDRESS
from hub.kinds.levels_base import Forms, Levels, PythonForm, Rarity, texts_of
from hub.kinds.levels_names import MIDDLE_NAME
from hub.kinds.levels_values import COMPANY_PHONE
from hub.model import BIT, canonical, digest
from hub.settings import CustomerType

CERTAIN = 40 * BIT  # no single level weighs more, whatever the data says
ASSUMED_RECORDS = 10_000  # of a model that saw no data
SEPARATOR = "\x1f"  # between values that make one text
SISTERS = 3 * BIT  # shipped: of two companies at one telephone and address, more are one than sisters
NAMES_APART = -6 * BIT  # shipped: that both names of one person differ without a reason is rarer than each differing
ANOTHER = {
    "given_name": 4_500,
    "name_suffix": 10 * BIT,
}  # milli-bits from which a pair joins though this is another: 96 %, and 99.9 % of senior and junior
ANOTHER_COMPANY = 6_630  # learned: the same of companies, whose names have no word in common: 99 %
NEVER = 1_000 * BIT  # shipped: no data was seen that says how rare a name is; a trained model weighs that
TELLING = 3 * BIT  # from which a comparison tells something of itself: a sex or a city in common does not
_STEP = 250
_MEET = tuple(round(BIT * math.log2(1 + 2 ** -((at + 0.5) * _STEP / BIT))) for at in range(44))

Known = tuple[tuple[str, str], ...]  # a value of a column; of a full name each part, held by one record
Info = Mapping[str, Any]  # what training tells of a model: figures, notes and warnings, as JSON


@dataclass(frozen=True)
class Comparison:
    """What is compared: an attribute (or several), by the levels of its kind. `columns`: role -> column."""

    name: str
    levels: Levels
    columns: Mapping[str, str]
    many: bool = False
    words: Rarity | None = field(default=None, compare=False)  # how rare words are, of levels that weigh them

    def python(self) -> PythonForm:
        """The level of two records."""
        if self.levels.by_words is None or self.words is None:
            return self.levels.python(self.columns)
        return self.levels.by_words(self.columns, self.words)

    @property
    def listed(self) -> Mapping[str, str]:
        """Columns beside a record's own, role -> column: the words of its name, and how rare each is."""
        if self.words is None:
            return {}
        return {role: f"{self.columns['sorted']}.{role}" for role in ("words", "rarity")}


@dataclass(frozen=True)
class LevelWeight:
    """Milli-bits of one level against each rival; `tf` names the column of its term."""

    name: str
    strangers: int
    household: int
    namesakes: int
    tf: str | None = None


@dataclass(frozen=True)
class Terms:
    """Term frequencies of a column as milli-bits added on agreement: frequent values, and all others."""

    frequent: Mapping[str, int]
    unseen: int

    def of(self, value: str) -> int:
        return self.frequent.get(value, self.unseen)

    def without(self, values: Collection[str]) -> Terms:
        return replace(self, frequent={v: bits for v, bits in self.frequent.items() if v not in values})


_NO_TERMS = Terms({}, 0)


@dataclass(frozen=True)
class FullNames:
    """What agreeing on the whole name changes: two people of one full name are namesakes, not strangers, and names go
    together (by country and family), so two rarities counted as independent overstate. Two shops of one name are of one
    chain. `strangers`: milli-bits added against strangers. `terms`: by full name, from independence to what was found;
    `namesakes`: from there to the rarity among namesakes."""

    family: str  # the comparison that carries it
    given: str  # columns; "": a name of one part, a company's
    plain: str
    terms: Terms
    strangers: int
    namesakes: int

    def of(self, left: Forms, right: Forms) -> int | None:
        """The term of the full name that two records of one family name share; None when their given names are not the same (or initials)."""
        given = left.get(self.given) if self.given else ""
        if self.given and (not given or len(given) < 2 or given != right.get(self.given)):
            return None
        return self.terms.of(f"{given}{SEPARATOR}{left[self.plain]}")

    def key(self, told: Known) -> str:
        """A full name as `terms` has it."""
        return f"{dict(told).get(self.given, '')}{SEPARATOR}{dict(told).get(self.plain, '')}"


@dataclass(frozen=True)
class Weights:
    """The trained weights of one comparison."""

    comparison: Comparison
    levels: tuple[LevelWeight, ...]


@dataclass(frozen=True)
class Model:
    """All that scoring needs. `prior`, `household`, `namesakes`: log-odds of one customer against strangers,
    housemates and namesakes before anything is compared. `join`, `review`: milli-bits."""

    customer_type: str
    rules: tuple[tuple[str, ...], ...]
    comparisons: tuple[Weights, ...]
    terms: Mapping[str, Terms]
    placeholders: Mapping[str, frozenset[str]]
    prior: int
    household: int
    namesakes: int
    join: int
    review: int
    info: Info = field(default_factory=dict)
    full_names: FullNames | None = None
    names_apart: int = 0  # milli-bits, where given and family name are both another: more than each by itself says
    alone: int = (
        0  # milli-bits from which a pair joins that rests on names alone, or on neither a name nor an identifier
    )
    trained_as: str = ""  # of one that has forgotten something: its hash before. It weighs what there is alike
    doubts: Mapping[str, int] = field(
        default_factory=dict
    )  # comparison -> milli-bits from which a pair joins though its last level, another, is what was found

    @cached_property
    def both_names(self) -> tuple[tuple[str, int], tuple[str, int]] | None:
        """The comparisons of given and family name, each with its level 'another'; None unless they count together."""
        given, family = (
            next((w for w in self.comparisons if w.comparison.levels is LEVELS[kind]), None)
            for kind in ("given_name", "family_name")
        )
        if not self.names_apart or given is None or family is None:
            return None
        return (given.comparison.name, len(given.levels) - 1), (family.comparison.name, len(family.levels) - 1)

    @cached_property
    def doubted_levels(self) -> dict[tuple[str, int], int]:
        """(comparison, its last level) -> milli-bits from which a pair joins all the same."""
        last = {w.comparison.name: len(w.levels) - 1 for w in self.comparisons}
        return {(name, last[name]): least for name, least in self.doubts.items() if name in last}

    def to_json(self) -> str:
        """Canonical: the same model is the same bytes."""
        return canonical(self._plain()).decode()

    def _plain(self) -> dict[str, object]:
        beside = {
            "names_apart": self.names_apart,
            "alone": self.alone,
            "trained_as": self.trained_as,
            "doubts": dict(self.doubts),
        }
        return {
            **{name: said for name, said in beside.items() if said},
            "customer_type": self.customer_type,
            "rules": [list(rule) for rule in self.rules],
            "comparisons": [
                {
                    "name": w.comparison.name,
                    "kind": _kind_of(w.comparison.levels),
                    "columns": dict(w.comparison.columns),
                    "many": w.comparison.many,
                    **({"words": [dict(words.frequent), words.unseen]} if (words := w.comparison.words) else {}),
                    "levels": [
                        [level.name, level.strangers, level.household, level.namesakes, level.tf] for level in w.levels
                    ],
                }
                for w in self.comparisons
            ],
            "terms": {column: [dict(terms.frequent), terms.unseen] for column, terms in self.terms.items()},
            "placeholders": {column: sorted(values) for column, values in self.placeholders.items()},
            "prior": self.prior,
            "household": self.household,
            "namesakes": self.namesakes,
            "join": self.join,
            "review": self.review,
            "info": dict(self.info),
            "full_names": None
            if (names := self.full_names) is None
            else [
                names.family,
                names.given,
                names.plain,
                dict(names.terms.frequent),
                names.terms.unseen,
                names.strangers,
                names.namesakes,
            ],
        }

    @classmethod
    def from_json(cls, text: str) -> Model:
        data = json.loads(text)
        return cls(
            customer_type=data["customer_type"],
            rules=tuple(tuple(rule) for rule in data["rules"]),
            comparisons=tuple(
                _weights(
                    Comparison(
                        w["name"],
                        _levels_named(w["kind"]),
                        w["columns"],
                        w["many"],
                        Rarity(*words) if (words := w.get("words")) else None,
                    ),
                    [LevelWeight(*level) for level in w["levels"]],
                )
                for w in data["comparisons"]
            ),
            terms={column: Terms(*terms) for column, terms in data["terms"].items()},
            placeholders={column: frozenset(values) for column, values in data["placeholders"].items()},
            prior=data["prior"],
            household=data["household"],
            namesakes=data["namesakes"],
            join=data["join"],
            review=data["review"],
            info=data["info"],
            names_apart=data.get("names_apart", 0),
            alone=data.get("alone", 0),
            trained_as=data.get("trained_as", ""),
            doubts=data.get("doubts", {}),
            full_names=None
            if (names := data.get("full_names")) is None
            else FullNames(names[0], names[1], names[2], Terms(names[3], names[4]), names[5], names[6]),
        )

    def known(self, forms: Forms) -> set[Known]:
        """What of a record's forms this model knows by heart."""
        found: set[Known] = set()
        for column in self.terms.keys() | self.placeholders.keys():
            frequent, hollow = self.terms.get(column, _NO_TERMS).frequent, self.placeholders.get(column, ())
            found |= {((column, v),) for v in texts_of(forms.get(column)) if v in frequent or v in hollow}
        if (names := self.full_names) is not None:
            told = tuple((c, v) for c in (names.given, names.plain) if c for v in texts_of(forms.get(c)))
            if names.key(told) in names.terms.frequent:
                found.add(told)
        return found

    def without(self, known: Collection[Known]) -> Model:
        """This model, knowing nothing of these. A pair that has none of them weighs what it did."""
        gone: dict[str, set[str]] = {}
        for column, value in (told[0] for told in known if len(told) == 1):
            gone.setdefault(column, set()).add(value)
        names = self.full_names
        made = replace(
            self,
            terms={c: t.without(gone.get(c, ())) for c, t in self.terms.items()},
            placeholders={c: kept.difference(gone.get(c, ())) for c, kept in self.placeholders.items()},
            full_names=names and replace(names, terms=names.terms.without({names.key(told) for told in known})),
        )
        return self if made == self else replace(made, trained_as=self.origin)

    @cached_property
    def hash(self) -> str:
        """Part of the recipe. `info` (counts, warnings) does not change an answer, so it is left out."""
        return digest({**self._plain(), "info": None}, 8)

    @property
    def origin(self) -> str:
        """Of all that came of one training by forgetting, the same."""
        return self.trained_as or self.hash

    @cached_property
    def contacts(self) -> frozenset[str]:
        """Comparisons whose values may be only claimed."""
        return frozenset(w.comparison.name for w in self.comparisons if w.comparison.levels.contact)

    @property
    def told(self) -> str:
        """Which model this is, in words: by the beginning of its hash it is found in `hub model list`."""
        if not self.info.get("trained"):
            return "the shipped weights"
        return f"the model {self.hash}, trained on {self.info.get('records', 0):,} records"

    @property
    def warnings(self) -> tuple[str, ...]:
        return tuple(self.info.get("warnings", ()))


def _weights(comparison: Comparison, known: list[LevelWeight]) -> Weights:
    """Of a model of another time, whose kind had other levels: as shipped."""
    if [level.name for level in known] != [level.name for level in comparison.levels.levels]:
        return shipped(comparison)
    return Weights(comparison, tuple(known))


BESIDE = {
    "middle_name": MIDDLE_NAME,
    "company_address": COMPANY_ADDRESS,
    "company_phone": COMPANY_PHONE,
}  # levels of a kind in another role


def _levels_named(kind: str) -> Levels:
    return BESIDE.get(kind) or LEVELS[kind]


def _kind_of(levels: Levels) -> str:
    return next(kind for kind, found in {**LEVELS, **BESIDE}.items() if found is levels)


def meet(one: int, other: int) -> int:
    """The smaller sum, less what the other adds: -log2(2^-one + 2^-other), in steps."""
    gap = abs(one - other) // _STEP
    return min(one, other) - (_MEET[gap] if gap < len(_MEET) else 0)


def meet_sql(one: str, other: str) -> str:
    """`meet` as SQL; most pairs are far from where the sums meet, so that is asked first."""
    gap = f"abs({one} - {other}) // {_STEP}"
    steps = " ".join(f"WHEN {at} THEN {less}" for at, less in enumerate(_MEET))
    return f"(least({one}, {other}) - CASE WHEN {gap} >= {len(_MEET)} THEN 0 ELSE CASE {gap} {steps} END END)"


def bits(probability: float) -> int:
    """Log-odds in milli-bits."""
    return round(BIT * math.log2(probability / (1 - probability)))


def probability(weight: int) -> float:
    """The share of pairs of this weight that are one customer, when the model is right."""
    odds: float = 2.0 ** (max(-60_000, min(60_000, weight)) / BIT)
    return odds / (1 + odds)


def column(attribute: str, form: str = "") -> str:
    return f"{attribute}.{form}" if form else attribute


def comparisons_of(customer_type: CustomerType) -> tuple[Comparison, ...]:
    """What a customer type's attributes compare by, in their order."""
    attributes = {name: a for name, a in customer_type.attributes.items() if a.matching and a.kind in LEVELS}
    given = next((name for name, a in attributes.items() if a.kind == "given_name"), None)
    family = next((name for name, a in attributes.items() if a.kind == "family_name"), None)
    found = []
    for name, attribute in attributes.items():
        levels = LEVELS[attribute.kind]
        if attribute.kind == "given_name" and name != given:
            levels = MIDDLE_NAME
        if attribute.kind == "postal_address" and not given:
            levels = COMPANY_ADDRESS
        if attribute.kind == "phone" and not given:
            levels = COMPANY_PHONE
        roles = KINDS[attribute.kind].compares
        if attribute.kind == "email" and not given:
            roles = {"value": ""}  # a company's own is what an office's mailbox is
        columns = {role: column(name, form) for role, form in roles.items()}
        if name == given and family:
            columns["family"] = column(family, KINDS["family_name"].compares["value"])
        if name == family and given:
            columns["given"] = column(given)
        columns = {role: columns[role] for role in levels.roles if role in columns}
        found.append(Comparison(name, levels, columns, attribute.many and levels.many, levels.words))
    return tuple(found)


def doubts_of(comparisons: Iterable[Comparison], *, companies: bool = False) -> dict[str, int]:
    """From which weight a pair joins though a comparison found another: what is learned of such pairs rests on few of them.
    `companies`: of theirs too, unless the data says that one is told in several ways."""
    least = {**ANOTHER, "company_name": ANOTHER_COMPANY} if companies else ANOTHER
    found = {c.name: _kind_of(c.levels) for c in comparisons}
    return {name: least[kind] for name, kind in found.items() if kind in least}


def log_ratio(share: float, other: float) -> int:
    """log2(share / other) in milli-bits, within what one level may weigh."""
    return max(-CERTAIN, min(CERTAIN, round(BIT * math.log2(max(share, 1e-12) / max(other, 1e-12)))))


def shipped(comparison: Comparison) -> Weights:
    """Weights of a comparison that no data has trained."""
    return Weights(
        comparison,
        tuple(
            LevelWeight(
                level.name,
                log_ratio(m := _first(level.careful.m, level.m), level.u),
                log_ratio(m, _first(level.careful.h, level.h, level.u)),
                0 if comparison.levels.name else log_ratio(m, _first(level.careful.n, level.n, level.u)),
                comparison.columns[level.tf] if level.tf else None,
            )
            for level in comparison.levels.levels
        ),
    )


def _first(*shares: float | None) -> float:
    return next(share for share in shares if share is not None)


def prior_bits(records: int) -> int:
    """Prior log-odds where nothing was learned: about three pairs of one customer to ten records."""
    return log_ratio(0.6, max(records, 2))


def default_model(
    customer_type: CustomerType, *, records: int = ASSUMED_RECORDS, warnings: tuple[str, ...] = ()
) -> Model:
    """The shipped weights: what is used until a model is trained, and where none can be."""
    comparisons = comparisons_of(customer_type)
    return Model(
        customer_type=customer_type.name,
        rules=customer_type.matching.rules,
        comparisons=tuple(shipped(c) for c in comparisons),
        terms={},
        placeholders={},
        prior=prior_bits(records),
        household=0 if any(a.kind == "given_name" for a in customer_type.attributes.values()) else SISTERS,
        namesakes=0,
        join=bits(customer_type.matching.join),
        review=bits(customer_type.matching.review),
        names_apart=NAMES_APART,
        alone=NEVER,
        doubts=doubts_of(comparisons),
        info={"trained": False, "records": records, "warnings": list(warnings)},
    )


def with_info(model: Model, **more: object) -> Model:
    return replace(model, info={**model.info, **more})


def differences(first: Model, second: Model) -> list[tuple[str, str, str]]:
    """Where two models weigh differently: (where, in the first, in the second), in bits; only what differs."""

    def told(model: Model) -> dict[str, str]:
        found = {"prior": _said(model.prior), "join": _said(model.join), "review": _said(model.review)}
        for w in model.comparisons:
            for level in w.levels:
                found[f"{w.comparison.name}: {level.name}"] = (
                    f"{_said(level.strangers)} ({_said(level.household)} in a household)"
                )
        found["candidate rules"] = ", ".join("+".join(rule) for rule in model.rules)
        found["placeholders"] = str(sum(map(len, model.placeholders.values())))
        return found

    one, two = told(first), told(second)
    return [
        (where, one.get(where, ""), two.get(where, ""))
        for where in dict.fromkeys([*one, *two])
        if one.get(where) != two.get(where)
    ]


def _said(weight: int) -> str:
    return f"{weight / BIT:.2f}"
