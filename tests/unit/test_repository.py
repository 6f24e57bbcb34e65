"""What holds the repository together: pinned dependencies, careful workflows, one-way layers."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

#: Below these there are published advisories.
FLOORS = {
    "nicegui": "3.18.0",
    "starlette": "1.10.0",
    "authlib": "1.9.9",
    "joserfc": "1.8.0",
    "python-multipart": "0.0.34",
    "aiohttp": "3.14.5",
    "python-socketio": "5.18.1",
    "python-engineio": "4.15.1",
}

# Dependencies


def blocks(file: str) -> Iterator[str]:
    """Each requirement with its continuation lines and comments."""
    text = (ROOT / file).read_text("utf-8")
    yield from re.split(r"\n(?=[a-z0-9])", text.strip())


def pinned(file: str) -> dict[str, set[Version]]:
    """Package -> versions; there are two where Python versions differ."""
    found: dict[str, set[Version]] = {}
    for block in blocks(file):
        requirement = Requirement(block.split("\\")[0].strip())
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        found.setdefault(requirement.name, set()).add(Version(specifier.version))
    return found


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes(file: str) -> None:
    assert len(pinned(file)) > 50
    assert [
        block for block in blocks(file) if not re.search(r"--hash=sha256:[0-9a-f]{64}", block)
    ] == []


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_requirements_name_no_index_and_no_host(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.findall(r"https?:|file:|\bgit\+|@ |--(?!hash=)[a-z-]+|^-", text, re.MULTILINE) == []


@pytest.mark.parametrize("file", REQUIREMENTS)
@pytest.mark.parametrize(("package", "floor"), FLOORS.items())
def test_nothing_with_a_known_advisory_is_pinned(file: str, package: str, floor: str) -> None:
    assert all(version >= Version(floor) for version in pinned(file)[package])


def test_tests_run_on_the_versions_that_work_runs_on() -> None:
    runtime, testing = (pinned(file) for file in REQUIREMENTS)
    assert {name: testing.get(name) for name in runtime} == runtime


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    runtime, testing = (pinned(file) for file in REQUIREMENTS)
    declared = [(PROJECT["project"]["dependencies"], runtime)]
    declared.append((PROJECT["dependency-groups"]["dev"], testing))
    for requirements, versions in declared:
        for requirement in map(Requirement, requirements):
            name = requirement.name.lower()
            assert all(version in requirement.specifier for version in versions[name]), name


# Secrets


def ignored_by_git(path: str) -> bool:
    command = ["git", "check-ignore", "--quiet", path]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("path", [".env", ".env.production", ".data/secrets.json", ".nicegui/x"])
def test_what_holds_secrets_or_people_is_ignored_by_git(path: str) -> None:
    assert ignored_by_git(path)


def test_the_example_of_settings_is_kept_and_holds_no_secret() -> None:
    assert not ignored_by_git(".env.example")
    text = (ROOT / ".env.example").read_text("utf-8")
    assert re.findall(r"^[A-Z_]*(?:SECRET|KEY|TOKEN|DSN|DATABASE_URL)=.+", text, re.MULTILINE) == []


def test_the_image_is_built_from_what_is_named_only() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    sources = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE
    )
    assert {name.rstrip("/") for source in sources for name in source.split()} == let_in


# Workflows

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def workflow(path: Path) -> dict[Any, Any]:
    read: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return read


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job.get("steps", [])]


def by_name(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", WORKFLOWS, ids=by_name)
def test_actions_are_pinned_by_commit_and_tell_their_version(path: Path) -> None:
    used = re.findall(r"uses: (?!\./)(.+)", path.read_text("utf-8"))
    assert used
    assert [
        use for use in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)
    ] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=by_name)
def test_a_workflow_is_given_nothing_and_each_job_the_least(path: Path) -> None:
    described = workflow(path)
    assert described["permissions"] == {}
    writing = {
        (name, scope)
        for name, job in described["jobs"].items()
        for scope, access in job["permissions"].items()
        if access != "read"
    }
    assert writing <= {("image", "packages")}


@pytest.mark.parametrize("path", WORKFLOWS, ids=by_name)
def test_a_checkout_leaves_no_credentials_behind(path: Path) -> None:
    checkouts = [step for step in steps(path) if "actions/checkout" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=by_name)
def test_nothing_from_outside_is_pasted_into_a_command(path: Path) -> None:
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []
    # YAML 1.1 reads the key `on` as true.
    assert not {"pull_request_target", "workflow_run"} & set(workflow(path)[True])
    assert "secrets: inherit" not in path.read_text("utf-8")


# Layers

#: Package -> packages of ours that it may import. Arrows point one way.
MAY_IMPORT = {
    "db": {"db"},
    "services": {"services", "db"},
    "webhook": {"webhook", "services", "db"},
    "api": {"api", "services", "db"},
    "ui": {"ui", "services"},
}
SOURCES = sorted(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    upward = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in imports(path)
        if path.relative_to(ROOT).parts[0] == package
        and (first := name.partition(".")[0]) in {*MAY_IMPORT, "main", "tests"}
        and first not in MAY_IMPORT[package]
    }
    assert upward == set()


def test_services_and_database_know_no_web_framework() -> None:
    frameworks = {"nicegui", "fastapi", "starlette", "uvicorn"}
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in imports(path)
        if path.relative_to(ROOT).parts[0] in ("services", "db")
        and name.partition(".")[0] in frameworks
    }
    assert found == set()


def test_our_package_ui_never_takes_the_place_of_niceguis() -> None:
    """`import ui.x` would bind `ui`, which every page has from NiceGUI."""
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in [*SOURCES, ROOT / "main.py", *(ROOT / "tests").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import)
        and any(alias.name.partition(".")[0] == "ui" and not alias.asname for alias in node.names)
    }
    assert found == set()
