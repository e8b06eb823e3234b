"""What a source that is added over the network may reach: less than one whose file an operator writes on the machine.

Who adds a source has the hub read it, so they could have it read files, variables and services that are none of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hub.delivery.addresses import VARIABLE as NETWORKS
from hub.delivery.addresses import Network, place_of
from hub.errors import ConfigError, Fault, Unprocessable
from hub.settings import Config
from hub.work.adding import SourceWish

VARIABLE = "HUB_ADDABLE"  # folders (with a /) and names of variables, separated by commas


def check(wish: SourceWish, config: Config, private: Path, env: Mapping[str, str], networks: Sequence[Network]) -> None:
    """ConfigError where the wish reaches further than a form may. `private`: the hub's own folder, with its secret."""
    named = [n.strip() for n in env.get(VARIABLE, "").split(",") if n.strip()]
    variables = {n for n in named if "/" not in n and not n.startswith("HUB_")}
    if wish.kind == "file":
        _folder(wish.at, config.folder, [Path(n) for n in named if "/" in n], private)
    if wish.kind == "sql":
        _variable("at", wish.at, variables)
    if wish.kind == "rest":
        _service(wish, networks)
        if wish.token_env:
            _variable("token_env", wish.token_env, variables)


def _folder(at: str, base: Path, others: Sequence[Path], private: Path) -> None:
    """Below the configuration's folder or one that the operator named; never where the hub keeps its secret."""
    if any(c in at for c in "*?["):  # it could match what is not to be read
        raise ConfigError([Fault("at", "is a pattern", "name one folder; which of its files is said by the rows")])
    place, hidden = (base / Path(at).expanduser()).resolve(), private.resolve()
    below = place != base.resolve() and place.is_relative_to(base.resolve())
    below = below or any(place.is_relative_to(f.resolve()) for f in others)
    inside = place.is_relative_to(hidden) and not base.resolve().is_relative_to(hidden)
    if not below or inside or hidden.is_relative_to(place):
        remedy = f"name a folder within it, or have the operator add this one to {VARIABLE}"
        raise ConfigError([Fault("at", "is no folder within the configuration's", remedy)])


def _variable(where: str, name: str, allowed: set[str]) -> None:
    if name not in allowed:
        remedy = f"have the operator add it to {VARIABLE}, or use: {', '.join(sorted(allowed)) or 'none yet'}"
        raise ConfigError([Fault(where, "is no variable that a source added here may use", remedy)])


def _service(wish: SourceWish, networks: Sequence[Network]) -> None:
    if urlsplit(wish.what).netloc or urlsplit(wish.what).scheme:
        raise ConfigError([Fault("what", "is an address of its own", "write the path below the base URL")])
    try:
        place_of(wish.at, networks)
    except Unprocessable as error:
        what = error.faults[0].what
        raise ConfigError([Fault("at", what, f"https:// and a public address, or one in {NETWORKS}")]) from None
    except OSError:
        raise ConfigError([Fault("at", "names a machine that nobody knows", "correct the address")]) from None
