"""The page's scripts: linted by eslint, and what is logic in them tested by node's own runner."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "assets" / "web"
CHECKS = ROOT / "tests" / "web"
ESLINT = CHECKS / "node_modules" / "eslint" / "bin" / "eslint.js"
MAX_LINES = 450


def need(there: object, reason: str) -> None:
    """Skips where a tool is absent; in CI that is a failure."""
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_the_logic_does_what_its_tests_say() -> None:
    node = shutil.which("node")
    need(node, "no node on the PATH")
    files = sorted(str(path.relative_to(ROOT)) for path in CHECKS.glob("*.test.js"))
    assert files
    told = run(str(node), "--test", *files)
    passed = next(line for line in told.splitlines() if "pass " in line)
    assert int(passed.split()[-1]) >= 40


def test_the_scripts_are_as_the_linter_wants_them() -> None:
    node = shutil.which("node")
    need(node, "no node on the PATH")
    need(ESLINT.is_file(), "no eslint: run `npm ci` in tests/web")
    run(str(node), str(ESLINT), "-c", "tests/web/eslint.config.js", "assets/web", "tests/web")


def test_the_page_names_nothing_outside_this_server() -> None:
    scripts = [path for path in WEB.rglob("*") if path.suffix in (".js", ".html", ".css")]
    assert len(scripts) > 30
    for path in scripts:
        words = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in words, path
        assert "https://" not in words, path
        assert "@import" not in words, path


def test_the_logic_knows_no_page() -> None:
    for path in (WEB / "logic").glob("*.js"):
        imported = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("import")
        ]
        assert all('from "./' in line for line in imported), path


def test_files_stay_small() -> None:
    for path in WEB.rglob("*.js"):
        if path.name != "strings.js":  # two languages in one file
            assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES, path
