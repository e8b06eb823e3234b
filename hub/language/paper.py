"""What is put before a person to read, whatever it is written on: a page, a PDF, a letter. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from html import escape

Row = tuple[str, str]  # what it is called, what it is


@dataclass(frozen=True, slots=True)
class PaperRows:
    """Rows that belong together: a record, an order. `title` may be empty."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    text: tuple[str, ...] = ()
    groups: tuple[PaperRows, ...] = ()


@dataclass(frozen=True, slots=True)
class Paper:
    """`language`: which it is in. `text`: paragraphs before the first section."""

    language: str
    title: str
    text: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()


_STYLE = (
    "body{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere;color-scheme:light dark}"
    "h1{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid #8888;padding-bottom:.2rem}h3{margin:1.5rem 0 .3rem}"
    "dl{margin:0}dl>div{display:grid;grid-template-columns:minmax(8rem,30%) 1fr;gap:0 1rem;padding:.25rem 0;border-top:1px solid #8884}"
    "dt{color:#777}dd{margin:0}@media(max-width:30rem){dl>div{grid-template-columns:1fr}}@media print{body{margin:0}}"
)


POLICY = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; frame-ancestors 'none'; base-uri 'none'"  # of a page's answer: nothing but its own style


def as_page(paper: Paper) -> str:
    """One page of HTML that loads nothing."""
    head = (
        f"<meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(paper.title)}</title><style>{_STYLE}</style>"
    )
    body = f"<h1>{escape(paper.title)}</h1>{_paragraphs(paper.text)}{''.join(map(_section, paper.sections))}"
    return f"<!doctype html><html lang={paper.language}><head>{head}</head><body><main>{body}</main></body></html>"


def as_text(paper: Paper) -> str:
    """As lines: of an e-mail, or to be pasted into a letter."""
    return "\n".join(_lines(paper)).strip() + "\n"


def _section(section: Section) -> str:
    groups = "".join(
        (f"<h3>{escape(g.title)}</h3>" if g.title else "")
        + "<dl>"
        + "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in g.rows)
        + "</dl>"
        for g in section.groups
    )
    return f"<section><h2>{escape(section.title)}</h2>{_paragraphs(section.text)}{groups}</section>"


def _paragraphs(text: tuple[str, ...]) -> str:
    return "".join(f"<p>{escape(t)}</p>" for t in text)


def _lines(paper: Paper) -> Iterator[str]:
    yield from (paper.title, "")
    for paragraph in paper.text:
        yield from (paragraph, "")
    for section in paper.sections:
        yield from (section.title, "")
        yield from section.text
        for group in section.groups:
            yield from ([group.title] if group.title else [])
            yield from (f"  {name}: {value}" for name, value in group.rows)
        yield ""
