"""The house's rules, read off its layout: `python -m tests.house` spells them for import-linter (`make check`).

A new file is under them by itself: a room's place in `ROOMS` says what it may import, the words `Pure` in a file's
docstring that it knows no store, engine or network, and the name `store` that doors keep off it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
HUB = ROOT / "hub"

# In the order in which a record flows. A room imports earlier ones, never later ones.
ROOMS = (
    *(
        "model",
        "errors",
        "kinds",
        "settings",
        "db",
        "migrations",
        "connectors",
        "landing",
        "consents",
        "matching",
        "golden_record",
        "interactions",
        "figures",
    ),
    *(
        "resolve",
        "tasks",
        "stewardship",
        "access",
        "delivery",
        "privacy",
        "quality",
        "work",
        "open",
        "language",
        "api",
        "console",
        "portal",
        "app",
        "serve",
        "demo",
        "cli",
    ),
)
PURE_ROOMS = ("model", "errors", "kinds", "settings", "connectors/mapping", "matching/compare")
DOORS = ("api", "console", "portal")
HOSTS_OF_ENGINES = ("matching/training", "matching/spark")

LIBRARIES_OF_STORES = ("sqlalchemy", "sqlmodel", "duckdb", "splink", "fastapi", "httpx2")
ENGINES = ("duckdb", "splink", "pyspark")

HEAD = """[tool.importlinter]
root_package = "hub"
exclude_type_checking_imports = true
include_external_packages = true
"""


def modules(folder: Path = HUB) -> Iterator[Path]:
    """Every module of the hub, relative to hub/ and without its ending: `matching/store/pairs`."""
    for path in sorted(folder.rglob("*.py")):
        if path.name != "__init__.py" and "versions" not in path.parts:
            yield path.relative_to(HUB).with_suffix("")


def is_pure(module: Path) -> bool:
    """Does the file say of itself, or its room of all its files, that it decides and does nothing else?"""
    said = ast.get_docstring(ast.parse((HUB / module).with_suffix(".py").read_text(encoding="utf-8"))) or ""
    return "Pure" in said or any(module == Path(room) or Path(room) in module.parents for room in PURE_ROOMS)


def is_store(module: Path) -> bool:
    return module.name.endswith("store") or module.parent.name == "store"


def contracts() -> str:
    """import-linter's configuration, as TOML."""
    everything = list(modules())
    folders = {m.parent if m.parent.name == "store" else m for m in everything if is_store(m)}
    stores = sorted(m for m in folders if m.parts[0] not in (*DOORS, "stewardship"))
    others = [m for m in everything if not {Path(host) for host in HOSTS_OF_ENGINES} & set(m.parents)]
    return "\n".join(
        (
            HEAD,
            contract("A room imports earlier rooms, never later ones", "layers", layers=reversed(rooms())),
            forbidden("Pure files know no store, engine or network", filter(is_pure, everything), LIBRARIES_OF_STORES),
            forbidden("Doors keep off the stores", map(Path, doors()), dotted(stores)),
            forbidden("Splink, DuckDB and Spark have their hosts", others, ENGINES),
        )
    )


def rooms() -> list[str]:
    """The rooms that are there, each in its place. ValueError when one has none."""
    there = {path.stem for path in HUB.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    if strays := there - {"__init__", *ROOMS}:
        raise ValueError(f"give these a place in ROOMS, or put them into a room: {', '.join(sorted(strays))}")
    return [f"hub.{room}" for room in ROOMS if room in there]


def doors() -> list[str]:
    return [door for door in DOORS if (HUB / door).exists()]


def dotted(found: Iterable[Path]) -> list[str]:
    return [".".join(("hub", *module.parts)) for module in found]


def forbidden(name: str, sources: Iterable[Path], targets: Iterable[str]) -> str:
    return contract(
        name, "forbidden", source_modules=dotted(sources), forbidden_modules=targets, allow_indirect_imports=True
    )


def contract(name: str, kind: str, **lists: Iterable[str] | bool) -> str:
    lines = ["[[tool.importlinter.contracts]]", f'name = "{name}"', f'type = "{kind}"']
    for key, values in lists.items():
        if isinstance(values, bool):
            lines.append(f"{key} = {str(values).lower()}")
        else:
            lines += [f"{key} = [", *(f'  "{value}",' for value in values), "]"]
    return "\n".join((*lines, ""))


if __name__ == "__main__":
    print(contracts())
