"""The small language of figures and segments: a text -> a typed tree, or what is wrong with it. Pure.

    sum(order.amount, months=12) - sum(any.cost, months=12)
    count(complaint, months=12) >= 3 and customer.type == "person"

Python's own parser reads it; of what it gives, only the nodes named here are taken. Nothing is ever run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Kind = Literal["number", "money", "moment", "text", "truth"]

HOW = ("count", "sum", "least", "most", "first", "latest")
WHAT = ("amount", "cost", "minutes")
ANY = "any"  # stands for all types of interactions
DEEPEST = 50
ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


@dataclass(frozen=True, slots=True)
class Number:
    value: Fraction


@dataclass(frozen=True, slots=True)
class Words:
    value: str


@dataclass(frozen=True, slots=True)
class Named:
    """Another figure."""

    name: str


@dataclass(frozen=True, slots=True)
class OfCustomer:
    """An attribute of the golden record, or a part of one; `type`: its customer type."""

    attribute: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Of what happened: how many, the sum, least or most of what, the first or latest time.

    types     of interactions; none: all
    months    the running month and so many less one before; none: ever
    states    in one of these; none: in all that count
    """

    how: str
    types: tuple[str, ...]
    what: str = ""
    months: int | None = None
    channels: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sum:
    """Two numbers put together: + - * /"""

    op: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Condition:
    op: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Logic:
    """and, or, not"""

    op: str
    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class DaysSince:
    moment: Tree


@dataclass(frozen=True, slots=True)
class IsKnown:
    of: Tree


Tree = Number | Words | Named | OfCustomer | Aggregate | Sum | Condition | Logic | DaysSince | IsKnown


def parse(text: str) -> Tree:
    """The tree of a text. ValueError, in words, when it is none of the language."""
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("cannot be read as an expression") from None
    return _tree(body, DEEPEST)


def _tree(node: ast.expr, left: int) -> Tree:
    if left == 0:
        raise ValueError("is nested too deep")
    inner = left - 1
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return Named(node.id)
    if isinstance(node, ast.Attribute):
        return _of_customer(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return Sum("-", Number(Fraction(0)), _tree(node.operand, inner))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return Logic("not", (_tree(node.operand, inner),))
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        return Sum(ARITHMETIC[type(node.op)], _tree(node.left, inner), _tree(node.right, inner))
    if isinstance(node, ast.BoolOp):
        op = "and" if isinstance(node.op, ast.And) else "or"
        return Logic(op, tuple(_tree(v, inner) for v in node.values))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        return Condition(COMPARED[type(node.ops[0])], _tree(node.left, inner), _tree(node.comparators[0], inner))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node, node.func.id, inner)
    raise ValueError(f"'{ast.unparse(node)}' is not of this language")


def _constant(value: object) -> Tree:
    if isinstance(value, str):
        return Words(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Number(Fraction(str(value)))
    raise ValueError(f"'{value}' is neither a number nor a text")


def _of_customer(node: ast.Attribute) -> OfCustomer:
    names = ast.unparse(node).split(".")
    if names[0] != "customer" or len(names) not in (2, 3):
        raise ValueError(f"'{ast.unparse(node)}': write customer.ATTRIBUTE, or sum(TYPE.amount)")
    return OfCustomer(*names[1:])


def _call(node: ast.Call, name: str, left: int) -> Tree:
    if name in ("days_since", "known") and len(node.args) == 1 and not node.keywords:
        of = _tree(node.args[0], left)
        return DaysSince(of) if name == "days_since" else IsKnown(of)
    if name not in HOW or not node.args:
        raise ValueError(f"there is no {name}(); known: {', '.join((*HOW, 'days_since', 'known'))}")
    found = [_counted(a, name) for a in node.args]
    if len({what for _, what in found}) > 1:
        raise ValueError(f"{name}() takes one of {', '.join(WHAT)} at a time")
    types = tuple(t for t, _ in found if t != ANY)
    return Aggregate(name, types, found[0][1], *_narrowed(node.keywords))


def _counted(node: ast.expr, how: str) -> tuple[str, str]:
    """(type, what of it) of an argument: `order` or `order.amount`."""
    name, _, what = ast.unparse(node).partition(".")
    wanted = WHAT if how in ("sum", "least", "most") else ("",)
    if what not in wanted:
        meant = f"{name}.{wanted[0]}" if wanted[0] else name
        raise ValueError(f"{how}({ast.unparse(node)}): write for example {how}({meant})")
    return name, what


def _narrowed(keywords: list[ast.keyword]) -> tuple[int | None, tuple[str, ...], tuple[str, ...]]:
    """(months, channels, states) of what is counted."""
    months: int | None = None
    texts: dict[str, tuple[str, ...]] = {"channel": (), "state": ()}
    for keyword in keywords:
        name, value = str(keyword.arg), keyword.value
        listed = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        said = [v.value for v in listed if isinstance(v, ast.Constant)]
        if name == "months" and len(said) == 1 and type(said[0]) is int and 0 < said[0] <= 1200:
            months = said[0]
        elif name in texts and said and all(isinstance(s, str) for s in said):
            texts[name] = tuple(map(str, said))
        else:
            raise ValueError(f"{name}={ast.unparse(value)}: write months=12, channel='phone' or state='open'")
    return months, texts["channel"], texts["state"]


# --- what is said of a tree -------------------------------------------------------------------------


def within(tree: Tree) -> Iterator[Tree]:
    """All its nodes."""
    yield tree
    for part in _parts(tree):
        yield from within(part)


def _parts(tree: Tree) -> tuple[Tree, ...]:
    if isinstance(tree, Sum | Condition):
        return tree.left, tree.right
    if isinstance(tree, Logic):
        return tree.parts
    return (tree.moment,) if isinstance(tree, DaysSince) else (tree.of,) if isinstance(tree, IsKnown) else ()


def names(tree: Tree) -> frozenset[str]:
    """The figures that it is made of."""
    return frozenset(n.name for n in within(tree) if isinstance(n, Named))


def kind_of(tree: Tree, figures: Mapping[str, Kind]) -> Kind:
    """What its answer is. ValueError when its parts do not fit together, or when it always divides by zero."""
    if isinstance(tree, Number):
        return "number"
    if isinstance(tree, Words | OfCustomer):
        return "text"
    if isinstance(tree, Named):
        if tree.name not in figures:
            raise ValueError(f"there is no figure '{tree.name}'; known: {', '.join(sorted(figures)) or 'none'}")
        return figures[tree.name]
    if isinstance(tree, Aggregate):
        counted: Kind = "number" if tree.how == "count" or tree.what == "minutes" else "money"
        return "moment" if tree.how in ("first", "latest") else counted
    if isinstance(tree, Sum):
        return _kind_of_sum(tree, kind_of(tree.left, figures), kind_of(tree.right, figures))
    if isinstance(tree, Condition):
        return _kind_of_comparison(tree.op, kind_of(tree.left, figures), kind_of(tree.right, figures))
    kinds = [kind_of(part, figures) for part in _parts(tree)]
    if isinstance(tree, DaysSince):
        if kinds != ["moment"]:
            raise ValueError(f"days_since() takes a time, such as latest(order), not a {kinds[0]}")
        return "number"
    if isinstance(tree, Logic) and set(kinds) != {"truth"}:
        raise ValueError(f"'{tree.op}' joins conditions; one of them is a {next(k for k in kinds if k != 'truth')}")
    return "truth"


def _kind_of_sum(tree: Sum, left: Kind, right: Kind) -> Kind:
    if tree.op == "/" and constant(tree.right) == 0:
        raise ValueError("divides by zero")
    if {left, right} - {"number", "money"}:
        raise ValueError(f"'{tree.op}' takes numbers and money, not a {left} and a {right}")
    negated = tree.op == "-" and tree.left == Number(Fraction(0))
    if tree.op in "+-":
        if left != right and not negated:
            raise ValueError(f"'{tree.op}' takes two numbers, or money and money, not a {left} and a {right}")
        return right
    if tree.op == "/":
        if left == "number" and right == "money":
            raise ValueError("a number is not divided by money")
        return "number" if left == right else left
    if left == right == "money":
        raise ValueError("money is not multiplied by money")
    return "money" if "money" in (left, right) else "number"


def _kind_of_comparison(op: str, left: Kind, right: Kind) -> Kind:
    numbers = {left, right} <= {"number", "money"}
    texts = left == right == "text" and op in ("==", "!=")
    if not numbers and not texts:
        raise ValueError(f"'{op}' does not compare a {left} with a {right}")
    return "truth"


def constant(tree: Tree) -> Fraction | None:
    """Its value, when it is the same for everybody; also when a figure is taken from itself."""
    if isinstance(tree, Number):
        return tree.value
    if not isinstance(tree, Sum):
        return None
    if tree.op == "-" and tree.left == tree.right:
        return Fraction(0)
    left, right = constant(tree.left), constant(tree.right)
    if tree.op == "*" and 0 in (left, right):
        return Fraction(0)
    return None if left is None or right is None else put_together(tree.op, left, right)


def put_together(op: str, left: Fraction, right: Fraction) -> Fraction | None:
    """Two numbers by + - * /; None by zero."""
    if op == "/":
        return left / right if right else None
    return left + right if op == "+" else left - right if op == "-" else left * right
