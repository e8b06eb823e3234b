"""Prints which packages an installed hub consists of, as CycloneDX 1.6 JSON: `python -m docs.sbom > sbom.json`.

Whoever has a list of advisories (`grype sbom:sbom.json`, `trivy sbom sbom.json`) asks it with this: the hub itself reaches none.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

ROOT = "customer-hub"


def needed(root: str, extras: frozenset[str] = frozenset()) -> dict[str, Distribution]:
    """Every installed distribution that a package needs when it runs, itself included, by its name."""
    found: dict[str, Distribution] = {}
    todo = [(root, extras)]
    while todo:
        name, wanted = todo.pop()
        try:
            one = distribution(name)
        except PackageNotFoundError:  # for another platform, or an extra that is not installed
            continue
        key = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        if key in found and not wanted:
            continue
        found[key] = one
        for line in one.requires or ():
            asked = Requirement(line)
            if asked.marker is None or any(asked.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
                todo.append((asked.name, frozenset(asked.extras)))
    return found


def component(name: str, one: Distribution) -> dict[str, object]:
    """One package in CycloneDX's words."""
    license = one.metadata.get("License-Expression") or one.metadata.get("License") or ""
    licenses = [{"license": {"name": license}}] if license and len(license) < 100 else []
    return {
        "type": "application" if name == ROOT else "library",
        "bom-ref": name,
        "name": name,
        "version": one.version,
        "purl": f"pkg:pypi/{name}@{one.version}",
        "licenses": licenses,
    }


def sbom(root: str = ROOT) -> dict[str, object]:
    """The whole bill: the hub, and what it needs when it runs."""
    packages = needed(root)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(root, packages.pop(root))},
        "components": [component(name, one) for name, one in sorted(packages.items())],
    }


if __name__ == "__main__":
    json.dump(sbom(), sys.stdout, indent=1)
