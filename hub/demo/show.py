"""How the demo looks on a terminal. Draws what it is given, decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from hub.access.authentication import keys
from hub.access.seen import SeenCustomer
from hub.delivery.run import Pushed
from hub.demo.sources import RunningSources
from hub.demo.world import World
from hub.open import Hub
from hub.quality.measures import Quality
from hub.resolve.backlog import Report
from hub.work.pull import Pulled

ORDER = {
    name: place
    for place, name in enumerate(
        (
            "line1",
            "street",
            "line2",
            "extra",
            "postcode",
            "postalCode",
            "zip",
            "city",
            "town",
            "region",
            "state",
            "country",
        )
    )
}

Bars = Callable[[], AbstractContextManager[Any]]


class Show:
    """Prints the demo's steps."""

    def __init__(self, out: Console, bars: Bars):
        self.out, self.bars = out, bars

    def step(self, title: str) -> None:
        self.out.print()
        self.out.rule(Text(title, style="bold"), align="left")

    def world(self, world: World, sources: RunningSources, seconds: float) -> None:
        self.step("1  Four running sources, one generated world")
        self.out.print(
            f"{len(world):,} records of {len(world.people):,} people and {len(world.companies):,} companies, in {seconds:.1f} s:"
        )
        self.out.print(f"  billing  SQL database     {sources.billing.url}", soft_wrap=True)
        self.out.print(f"  crm      HTTP service     {sources.crm.url}")
        self.out.print(f"  web      drop folder      {sources.env['WEB_FOLDER']}", soft_wrap=True)
        self.out.print(f"  app      Parquet files    {sources.env['APP_FOLDER']}", soft_wrap=True)

    def pulled(self, pulled: Sequence[Pulled]) -> None:
        self.step("2  Pull: read = landed + unchanged + quarantined + suppressed")
        shown = Table("source", "read", "landed", "unchanged", "quarantined", "suppressed")
        for p in pulled:
            shown.add_row(
                f"{p.source}.{p.stream}",
                *(f"{n:,}" for n in (p.fetched, p.landed, p.unchanged, p.quarantined, p.suppressed)),
            )
        self.out.print(shown)
        for p in pulled:
            for reason, count in p.reasons.items():
                self.out.print(f"  {p.source}.{p.stream}: {count} set aside: {reason}")
            if p.error:
                self.out.print(f"  {p.source}.{p.stream} stopped: {p.error}")

    def matched(self, found: Report, seconds: float) -> None:
        self.step("3  Match and build golden records")
        self.out.print(
            f"{found.standardised:,} records, {found.pairs:,} pairs kept, {found.clusters:,} customers in {seconds:.1f} s, no label used"
        )

    def quality(self, q: Quality) -> None:
        shown = Table("against the truth", "precision", "recall", "F1")
        shown.add_row("pairs", f"{q.precision:.4f}", f"{q.recall:.4f}", f"{q.f1:.4f}")
        shown.add_row("B-cubed", f"{q.b3_precision:.4f}", f"{q.b3_recall:.4f}", f"{q.b3_f1:.4f}")
        self.out.print(shown)
        sizes = ", ".join(f"{n:,} of {size}" for size, n in sorted(q.sizes.items()))
        self.out.print(f"customers by number of records: {sizes}  (true customers: {q.true_customers:,})")

    def pushed(self, pushed: Pushed, again: Sequence[Pulled]) -> None:
        fields = ", ".join(f"{n:,} {a}" for a, n in pushed.fields.most_common())
        self.out.print(
            f"first write-back: {pushed.written:,} records of the CRM now hold what the others know ({fields})"
        )
        came = sum(p.landed for p in again)
        self.out.print(
            f"the CRM gives {came:,} of them back on the next pull: they are echoes, no evidence and no new change"
        )

    def golden(self, seen: SeenCustomer, role: str) -> None:
        self.step("4  One golden record, with its lineage")
        self.out.print(f"{seen.id}, version {seen.version}, as {role}")
        self.out.print(f"made of {', '.join(map(str, seen.records or ()))}")
        shown = Table.grid(Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2, 0, 0))
        for attribute, value in seen.values.items():
            shown.add_row(Text(attribute, style="bold"), Text(said(value), style="bold"))
            for line in lineage((seen.lineage or {}).get(attribute, {})):
                shown.add_row("", line)
        self.out.print(shown)

    def views(self, views: Mapping[str, Mapping[str, object]], title: str) -> None:
        self.out.print()
        self.out.print(title)
        attributes = list(dict.fromkeys(a for view in views.values() for a in view))
        shown = Table("attribute", *(Column(role, overflow="fold") for role in views))
        for attribute in attributes:
            shown.add_row(
                attribute,
                *(
                    said(view[attribute]) if attribute in view else Text("hidden", style="dim")
                    for view in views.values()
                ),
            )
        self.out.print(shown)

    def changed(self, address: Mapping[str, object]) -> None:
        self.step("5  Billing learns a new address")
        self.out.print(said({k: v for k, v in address.items() if v}))

    def arrived(
        self,
        had: object,
        has: object,
        fields: Sequence[Iterable[str]],
        first: Mapping[str, int],
        quiet: Sequence[Mapping[str, int]],
        more: int,
    ) -> None:
        self.out.print(
            f"one cycle: {first['landed']} landed, {first['changes']} golden records changed, {first['written']} written back"
        )
        self.out.print(f"  the CRM held  {said(had)}")
        self.out.print(f"  it holds now  {said(has)}")
        self.out.print(f"  sent: only {'; '.join(dict.fromkeys(said(f) for f in fields))}")
        landed, changes = (sum(q[k] for q in quiet) for k in ("landed", "changes"))
        self.out.print(
            f"two further cycles: {landed} came back as an echo, {changes} golden records changed, {more} writes to the CRM"
        )

    def newcomer(self, found: Mapping[str, Any]) -> None:
        self.step("6  A customer that the CRM lacks, and an application that listens")
        self.out.print(f"billing: {found['name']}; the CRM may have records made by the hub from now on")
        first, *quiet = found["cycles"]
        self.out.print(
            f"one cycle: {first['landed']} landed, {found['made_in_the_crm']} record made in the CRM;"
            f" two further cycles: {sum(q['written'] for q in quiet)} writes"
        )
        self.out.print(f"  one customer of {', '.join(found['records'])}")
        told = ", ".join(f"{type_} ({said(attributes) or 'another record'})" for type_, attributes in found["told"])
        self.out.print(f"the application was told by webhook, every event signed: {told}")

    def own_data(self, told: Mapping[str, object]) -> None:
        self.step("7  A customer, at their own data")
        self.out.print(f"signed in by a code, moved once: the CRM holds now  {said(told['crm_has'])}")
        self.out.print(f"the application was told: {told['told']}")
        self.out.print("withdrew marketing, asked for erasure, and the privacy officer began it:")
        self.out.print(f"  {told['state']}; who has to answer: {told['recipients']}")
        self.out.print(f"  {told['values_found']} of their values found in {told['files_read']} files of the hub")
        self.out.print(f"  billing sends them again: {told['suppressed']} suppressed, {told['landed_again']} landed")

    def desk(self, found: Mapping[str, Any]) -> None:
        self.step("8  What happened with customers, and what they are worth")
        self.out.print(
            f"the service desk's folder: {found['landed']:,} rows in {found['seconds']:.1f} s, {found['set_aside']} set aside"
        )
        named = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in found["segments"].items())
        self.out.print(f"who they are: {named}")
        self.out.print(
            f"orders, revenue and cost are the truth, to the cent, for {found['right']:,} of the {found['whole']:,} customers"
            " whose records are together"
        )

    def happened(self, found: Mapping[str, Any]) -> None:
        born, hers, won = found["prospect"]
        whose = "nobody's" if born[0] is None else f"{born[0]}'s"
        self.out.print(f"an e-mail of {born[1]}, whom no system knew yet: a prospect, {whose}, {born[2]}")
        self.out.print(f"once billing had her: {hers[0]}'s, {hers[2]}; after her order: {won[2]}, by itself")
        for when, pages in found.get("pages", {}).items():
            one = pages[0] == pages[1]
            told = " | ".join("; ".join(page) or "nothing" for page in (pages[:1] if one else pages))
            self.out.print(f"  {when:7} {'one page' if one else 'two pages'}: {told}", soft_wrap=True)

    def took(self, seconds: float) -> None:
        self.out.print()
        self.out.print(f"all of this took {seconds:.0f} s")

    def what_next(self, hub: Hub, port: int) -> None:
        """Keys to try with: made now, good for a day."""
        self.step(f"The hub is running at http://127.0.0.1:{port}")
        made = {
            role: keys.create_key(hub.database, hub.config, f"demo {role}", role, days=1)[0]
            for role in ("steward", "customer_service")
        }
        self.out.print(f"Open http://127.0.0.1:{port}/demo: what just happened, and the pages of staff, with one click")
        self.out.print(f"Documentation: http://127.0.0.1:{port}/docs   These keys are good for a day:")
        for role, secret in made.items():
            self.out.print(f"  {role:17} {secret}", markup=False, soft_wrap=True)
        self.out.print("Try next:")
        key = made["steward"]
        self.out.print(
            f"  curl -H 'Authorization: Bearer {key}' 'http://127.0.0.1:{port}/v1/customers?q=anna&limit=3'",
            markup=False,
            soft_wrap=True,
        )
        self.out.print("  connect your own source: README.md, 'Your first source'")
        self.out.print(
            f"  a customer's own pages: http://127.0.0.1:{port}/me (codes come into sent.jsonl of the demo's folder)"
        )
        self.out.print("Ctrl-C ends it.")


def said(value: object) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return ", ".join(str(value[k]) for k in sorted(value, key=lambda k: ORDER.get(k, 99)) if value[k])
    if isinstance(value, list | tuple | set | frozenset):
        return "; ".join(said(v) for v in value)
    return "" if value is None else str(value)


def lineage(why: Mapping[str, Any]) -> Iterator[str]:
    """By which rule a value was chosen, which records say it, and what was not chosen."""
    won = _by_value(why.get("won", ()))
    if len(won) == 1:
        yield f"by {why['rule']} from {', '.join(*won.values())}"
    else:
        yield f"by {why.get('rule', '')}"
        yield from (f"{value} from {', '.join(records)}" for value, records in won.items())
    yield from (f"not {value} from {', '.join(records)}" for value, records in _by_value(why.get("lost", ())).items())


def _by_value(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The records that say each value."""
    found: dict[str, list[str]] = {}
    for line in lines:
        found.setdefault(said(line.get("value")), []).append(f"{line.get('source')}/{line.get('key')}")
    return found
