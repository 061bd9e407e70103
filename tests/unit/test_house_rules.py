"""Rules that keep the tree readable; each names the file that breaks it."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "heimdex").rglob("*.py"))
BANNED_NAMES = {"utils", "helpers", "common", "manager"}
#: longest function, in lines, docstring included
FUNCTION_LINES = 70


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_modules_stay_under_400_lines() -> None:
    long = {str(p.relative_to(ROOT)): n for p in SOURCES if (n := len(p.read_text().splitlines())) > 400}

    assert long == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(p) for p in SOURCES if p.stem in BANNED_NAMES] == []


def test_functions_can_be_read_without_scrolling() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES
    ]

    assert long == []


def test_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_no_large_file_is_tracked() -> None:
    assert [str(p) for p in _tracked() if p.stat().st_size > 25 * 2**20] == []


def test_every_module_says_what_it_is() -> None:
    silent = [str(p.relative_to(ROOT)) for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text()))]

    assert silent == []
