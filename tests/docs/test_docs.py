"""The documentation is true: its commands run, its examples are valid, its links lead somewhere, its reference is fresh.

A ```console block is a session: lines that start with `$ ` are typed (with the lines of a here-document), the others
are what comes out (`...` stands for anything). README's are run as they stand, through the real command, and those of
docs/ in the same folder while README's server runs; a `hub` command there is only parsed. What cannot be run is ```text.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from sqlmodel import SQLModel

import tests.tables  # noqa: F401  (fills the metadata)
from docs import generate
from hub import settings
from hub.cli import app
from hub.cli.check import mapping_faults, write_back_faults
from hub.quality import evaluation

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """A command and the lines that should come out."""

    page: str
    command: str
    output: tuple[str, ...]


def blocks(page: Path, language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(page.read_text(encoding="utf-8")) if name == language]


def typed(page: Path, block: str) -> list[Typed]:
    """The commands of one console block."""
    found: list[tuple[list[str], list[str]]] = []
    end = ""
    for line in block.splitlines():
        if end:
            found[-1][0].append(line)
            end = "" if line == end else end
        elif line.startswith("$ "):
            found.append(([line[2:]], []))
            here = re.search(r"<<'(\w+)'", line)
            end = here[1] if here else ""
        elif line.strip():
            found[-1][1].append(line)
    return [Typed(page.name, "\n".join(command), tuple(output)) for command, output in found]


def commands(page: Path) -> list[Typed]:
    return [t for block in blocks(page, "console") for t in typed(page, block)]


# --- commands ---------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def script(steps: list[Typed], port: int) -> str:
    """One shell session. Each command is announced, so that what it printed, or that it failed, can be told."""
    lines = [
        "exec 2>&1",
        "set -euo pipefail",
        "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT",
        'curl() { command curl --fail-with-body "$@"; }',
        "hub() { :; }",
    ]
    for number, step in enumerate(steps):
        lines += [f"printf '\\n@@{number}\\n'", step.command.replace(":8000", f":{port}")]
    return "\n".join([*lines, "printf '\\n@@end\\n'", ""])


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a newcomer works in."""
    return tmp_path_factory.mktemp("newcomer")


@pytest.fixture(scope="module")
def told(newcomer: Path) -> dict[Typed, str]:
    """Every command in the order of a newcomer who reads README, then docs/, and stops the server at last: what each printed."""
    folder, port = newcomer, free_port()
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    *before, last = blocks(README, "console")
    steps = [t for block in before for t in typed(README, block)]
    steps += [t for page in PAGES if page != README for t in commands(page)]
    steps += typed(README, last)
    env = {k: v for k, v in os.environ.items() if not k.startswith("HUB_") and k not in ("COLUMNS", "PYTHONPATH")}
    file = folder / "session.sh"
    file.write_text(script(steps, port), encoding="utf-8")
    done = subprocess.run(
        ["bash", str(file)],
        cwd=folder,
        env={**env, "HUB_PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=540,
        check=False,
    )
    parts = re.split(r"^@@(\w+)$", done.stdout, flags=re.MULTILINE)
    printed = dict(zip(parts[1::2], parts[2::2], strict=True))
    if "end" not in printed:
        number = max((int(n) for n in printed), default=0)
        pytest.fail(f"{steps[number].page}: $ {steps[number].command}\n{printed.get(str(number), done.stdout)[-3000:]}")
    return {step: printed[str(n)] for n, step in enumerate(steps)}


def test_a_newcomer_comes_through_with_every_command_as_it_stands(told: dict[Typed, str]) -> None:
    assert any("hub serve" in t.command for t in told)
    assert any(t.page == "review.md" and "overrides" in t.command for t in told)


def test_commands_print_what_the_page_says(told: dict[Typed, str]) -> None:
    for step, printed in told.items():
        text = " ".join(printed.split())
        for line in step.output:
            wanted = ".*".join(re.escape(" ".join(part.split())) for part in line.split("..."))
            assert re.search(wanted, text), f"{step.page}: $ {step.command}\nsays {line!r}, printed:\n{printed}"


def test_what_following_the_docs_makes_is_kept_out_of_version_control(told: dict[Typed, str], newcomer: Path) -> None:
    shutil.copy(ROOT / ".gitignore", newcomer)
    subprocess.run(["git", "init", "-q", "."], cwd=newcomer, check=True)
    listed = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=newcomer,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split("\n")
    ours = {f"?? {p.relative_to(ROOT)}" for p in (ROOT / "config").rglob("*")} | {
        "?? .gitignore",
        "?? session.sh",
        "?? .venv",
        "",
    }
    assert set(listed) - ours == set()


def test_the_example_tells_the_story_that_readme_tells(told: dict[Typed, str]) -> None:
    asked = {t.command: printed for t, printed in told.items() if t.page == "README.md"}
    found = next(p for c, p in asked.items() if "q=ana+silva" in c)
    assert found.count('"id": "cus_') == 1
    assert "Ana Maria" in found
    review = next(p for c, p in asked.items() if "/v1/reviews" in c)
    assert '"key": "C4"' in review
    assert '"key": "C5"' in review
    assert '"key": "C3"' not in review


def hub_commands() -> list[Any]:
    found = []
    for page in PAGES:
        for t in commands(page):
            for line in t.command.splitlines():
                if called := re.search(r"(?:^|\s|\()(?:\.venv/bin/)?hub ((?:[\w./:=?*-]+|\"[^\"]*\"|\s)+)", line):
                    found.append(pytest.param(called[1].rstrip(" &)"), id=f"{page.name}: hub {called[1].strip()}"))
    return found


@pytest.mark.parametrize("line", hub_commands())
def test_every_hub_command_has_verbs_and_options_that_exist(line: str) -> None:
    import shlex

    words = shlex.split(line)
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words, "a group of verbs alone"
        assert words[0] in command.commands, f"no verb {words[0]}"
        command = command.commands[words.pop(0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        command.make_context(command.name, words)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"`make ([a-z]+)", text)) | {
            m for b in blocks(page, "text") for m in re.findall(r"^make ([a-z]+)", b, re.MULTILINE)
        }
        assert named <= targets, page.name


# --- examples, links, names -----------------------------------------------------------------------------


def yaml_examples() -> list[Any]:
    return [
        pytest.param(body, id=f"{page.name} {n}")
        for page in PAGES
        for n, body in enumerate(blocks(page, "yaml"), start=1)
    ]


@pytest.mark.parametrize("body", yaml_examples())
def test_every_yaml_example_is_valid(body: str, tmp_path: Path) -> None:
    given = yaml.safe_load(body)
    if "connector" in given:
        source_is_valid(body, tmp_path)
    elif "truth" in given:
        evaluation.EvaluationSet.model_validate(given)
        for source in given["sources"].values():
            settings.Stream.model_validate({"customer": given["customer"], **source["stream"]})
    elif "figures" in given:
        settings.Figures.model_validate(given)
    elif "roles" in given or "sign_in" in given:
        settings.Access.model_validate(given)
    elif "purposes" in given or "answering" in given:
        settings.Purposes.model_validate(given)
    elif "steps" in given:
        settings.Process.model_validate(given)
    elif "offers" in given:
        settings.Campaign.model_validate(given)
    elif "ends" in given:
        settings.WorkList.model_validate(given)
    elif "folder" in given or "target" in given:
        settings.FileDrop.model_validate(given)
    elif "attributes" in given:
        settings.CustomerType.model_validate(given)
    elif "matching" in given:
        settings.Matching.model_validate(given["matching"])
    else:
        assert set(given) == {"write_back"}, "what is this an example of?"
        settings.WriteBack.model_validate(given["write_back"])


def source_is_valid(body: str, folder: Path) -> None:
    """With the shipped types and roles, as `hub check` sees it."""
    for types in ("customers", "interactions", "relations"):
        shutil.copytree(ROOT / "config" / types, folder / types)
    shutil.copy(ROOT / "config" / "access.yaml", folder)
    (folder / "sources").mkdir()
    (folder / "sources" / "crm.yaml").write_text(body, encoding="utf-8")
    config = settings.load(folder, {}, reaching=False)
    assert [*mapping_faults(config), *write_back_faults(config)] == []


def test_the_source_that_readme_shows_is_the_one_that_it_types() -> None:
    shown = next(b for b in blocks(README, "yaml") if "connector" in b)
    written = next(t.command for t in commands(README) if "sources/shop.yaml" in t.command)
    assert yaml.safe_load(shown) == yaml.safe_load("\n".join(written.splitlines()[1:-1]))


def anchors(page: Path) -> set[str]:
    text = BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-")
        for h in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_file_of_the_code_that_is_named_exists(page: Path) -> None:
    for name in re.findall(r"`((?:hub|config|docs|tests)/[\w./-]+)`", page.read_text(encoding="utf-8")):
        assert (ROOT / name).exists() or name.startswith("config/sources/shop"), name


def test_the_map_of_rooms_names_only_rooms_that_exist() -> None:
    rows = re.findall(r"^\| ((?:`[\w.]+/?`[ ]?)+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w.]+)/?`", row)}
    assert len(named) > 15
    assert {n for n in named if not (ROOT / "hub" / n).exists()} == set()
    assert {p.name for p in (ROOT / "hub").iterdir() if p.is_dir() and (p / "__init__.py").exists()} - named <= {
        "migrations"
    }


def test_every_table_is_in_the_page_on_privacy() -> None:
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert {t for t in SQLModel.metadata.tables if f"`{t}`" not in text} == set()


# --- reference ------------------------------------------------------------------------------------------


def test_the_reference_is_what_the_code_says() -> None:
    fresh = generate.reference()
    assert generate.FILE.read_text(encoding="utf-8") == fresh, "stale: run python -m docs.generate"
