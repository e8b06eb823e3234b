"""What a source that is added over the network may reach: less than one whose file an operator writes on the machine.

Who adds a source has the hub read it, so they could have it read files, variables and services that are none of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hub.connectors.mapping.paths import path
from hub.delivery.addresses import VARIABLE as NETWORKS
from hub.delivery.addresses import Network, place_of
from hub.errors import ConfigError, Fault, Unprocessable
from hub.settings import FOLDERS, Config
from hub.work.adding import SourceWish

VARIABLE = "HUB_ADDABLE"  # folders (with a /), variables of databases, and tokens with their host, separated by commas


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the operator opens. Tokens are bound to a host: whoever names the address would else be sent any of them."""

    folders: tuple[Path, ...]
    databases: frozenset[str]
    tokens: frozenset[tuple[str, str]]  # variable, host as it stands in the address

    @classmethod
    def of(cls, env: Mapping[str, str]) -> _Opened:
        named = [n.strip() for n in env.get(VARIABLE, "").split(",") if n.strip()]
        folders = tuple(Path(n).resolve() for n in named if "/" in n)
        variables = [n.partition("@") for n in named if "/" not in n and not n.startswith("HUB_")]
        databases = frozenset(name for name, at, _ in variables if not at)
        return cls(folders, databases, frozenset((name, host.lower()) for name, at, host in variables if at))


def check(wish: SourceWish, config: Config, private: Path, env: Mapping[str, str], networks: Sequence[Network]) -> None:
    """ConfigError where the wish reaches further than a form may. `private`: the hub's own folder, with its secret."""
    if unseen := [name for name, text in asdict(wish).items() if not text.isprintable()]:
        raise ConfigError([Fault(name, "holds characters that are not seen", "type it anew") for name in unseen])
    opened = _Opened.of(env)
    if wish.kind == "file":
        _folder(wish.at, config, opened.folders, private)
    if wish.kind == "sql":
        _variable("at", wish.at, opened.databases, "NAME")
    if wish.kind == "rest":
        _service(wish, networks)
        _records(wish.records)
        host = urlsplit(wish.at).netloc.lower()
        if wish.token_env:
            _variable("token_env", wish.token_env, {n for n, of in opened.tokens if of == host}, f"NAME@{host}")


def _folder(at: str, config: Config, others: Iterable[Path], private: Path) -> None:
    """Below the configuration's folder or one that the operator named; never where the hub keeps what is its own."""
    if any(c in at for c in "*?["):  # it could match what is not to be read
        raise ConfigError([Fault("at", "is a pattern", "name one folder; which of its files is said by the rows")])
    base = config.folder.resolve()
    try:
        place = (base / Path(at).expanduser()).resolve()
        is_file = place.exists() and not place.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, nobody's home, a link to itself
        place, is_file = base, False
    if is_file or not any(_is_seen(place, top) for top in (base, *others)) or _is_own(place, config, private):
        remedy = f"name a folder within it, or have the operator add this one to {VARIABLE}"
        raise ConfigError([Fault("at", "is no folder within the configuration's", remedy)])


def _is_seen(place: Path, top: Path) -> bool:
    """Is it this folder or one below it, and none on the way hidden?"""
    return place.is_relative_to(top) and not any(p.startswith(".") for p in place.relative_to(top).parts)


def _is_own(place: Path, config: Config, private: Path) -> bool:
    """Is it within a folder of the hub's own, or does it hold one? What the hub drops for others is its own too."""
    base, hidden = config.folder.resolve(), private.resolve()
    drops = [(base / Path(d.folder).expanduser()).resolve() for d in config.drops.values() if d.folder]
    own = [(base / name).resolve() for name in FOLDERS]
    if not base.is_relative_to(hidden):  # else all of the configuration would be
        own.append(hidden)
    return any(place.is_relative_to(f) for f in own) or any(
        f.is_relative_to(place) for f in (base, hidden, *own, *drops)
    )


def _variable(where: str, name: str, allowed: Iterable[str], written: str) -> None:
    if name not in allowed:
        known = ", ".join(sorted(allowed)) or "none yet"
        remedy = f"have the operator add it to {VARIABLE} as {written}, or use: {known}"
        raise ConfigError([Fault(where, "is no variable that a source added here may use", remedy)])


def _service(wish: SourceWish, networks: Sequence[Network]) -> None:
    if any(map(_is_address, (wish.what, wish.what.lstrip("/")))):
        raise ConfigError([Fault("what", "is an address of its own", "write the path below the base URL")])
    if "?" in wish.what:  # some services rename fields by it, and a view knows them by their names
        raise ConfigError(
            [Fault("what", "has parameters", "write the path alone; the file can hold them: rest.params")]
        )
    try:
        place_of(wish.at, networks)
    except Unprocessable as error:
        what = error.faults[0].what
        raise ConfigError([Fault("at", what, f"https:// and a public address, or one in {NETWORKS}")]) from None
    except OSError:
        raise ConfigError([Fault("at", "names a machine that nobody knows", "correct the address")]) from None


def _is_address(text: str) -> bool:
    try:
        return bool(urlsplit(text).netloc or urlsplit(text).scheme)
    except ValueError:
        return True


def _records(text: str) -> None:
    """A plain path: an expression could give fields other names, and a view hides them by their names."""
    try:
        plain = text == "@" or bool(path(text).names)
    except ValueError:
        plain = False
    if not plain:
        raise ConfigError([Fault("records", "is no plain path", "write names with dots between them: data.people")])
