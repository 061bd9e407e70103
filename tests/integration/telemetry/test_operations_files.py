"""The rules, the runbook and the dashboard name only what is there, and promtool finds the rules right."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from heimdex.cli.main import app
from heimdex.telemetry import metrics

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "ops/prometheus/heimdex.rules.yml"
RULE_TESTS = ROOT / "ops/prometheus/heimdex.rules.test.yml"
DASHBOARD = ROOT / "ops/grafana/heimdex.json"
RUNBOOK = ROOT / "docs/operations/runbook"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


def _rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in _rules() if "alert" in rule]


def _dashboard_queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def _promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL
    return subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False)


def _exposed() -> dict[str, list[dict[str, str]]]:
    """Return the labels of every series that a server or an embedding service shows, by name."""
    shown = b"".join(map(metrics.exposition, (metrics.SERVER, metrics.WORKER, metrics.EMBEDDING))).decode()
    series: dict[str, list[dict[str, str]]] = {}
    for line in shown.splitlines():
        if match := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            series.setdefault(match[1], []).append(dict(re.findall(r'(\w+)="([^"]*)"', match[2] or "")))
    # series of these names begin with their first event
    for name, label in (("heimdex_search_degraded_total", "reason"), ("heimdex_embed_key_requests_total", "key")):
        series.setdefault(name, []).append({label: ""})
    return series


def _selectors(query: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield the metrics that a query names, each with its matchers (label, operator, value)."""
    for name, inside in re.findall(r"\b((?:heimdex|process)_\w+)(?:\{([^}]*)\})?", query):
        yield name, re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', inside)


@needs_promtool
def test_the_rules_are_sound_and_each_alert_fires_clears_and_is_silent_without_data() -> None:
    checked = _promtool("check", "rules", RULES)
    tested = _promtool("test", "rules", RULE_TESTS)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    checks = [check for case in yaml.safe_load(RULE_TESTS.read_text())["tests"] for check in case["alert_rule_test"]]

    for alert in {rule["alert"] for rule in ALERTS}:
        outcomes = [bool(check["exp_alerts"]) for check in checks if check["alertname"] == alert]
        assert True in outcomes, alert
        assert outcomes[outcomes.index(True) + 1 :].count(False), f"{alert} is not seen to clear"


@needs_promtool
def test_every_query_of_the_dashboard_is_one(tmp_path: Path) -> None:
    queries = [query.replace("$__rate_interval", "5m").replace("$job", ".*") for query in _dashboard_queries()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    checked = _promtool("check", "rules", tmp_path / "panels.yml")

    assert len(queries) > 30
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("query", [*_dashboard_queries(), *(rule["expr"] for rule in _rules())])
def test_every_query_names_what_is_exposed(query: str) -> None:
    exposed = _exposed()
    for name, matchers in _selectors(query):
        assert name in exposed, f"{name} is not on /metrics"
        for label, operator, value in matchers:
            if label in ("job", "instance"):
                continue
            values = {labels[label] for labels in exposed[name] if label in labels}
            assert values, f"{name} has no label {label}"
            if operator == "=":
                assert value in values, f"{name} has no series with {label}={value}"
            else:
                assert any(re.fullmatch(value, one) for one in values), f"{name}: {label}{operator}{value}"
    for labels in re.findall(r"\bby \(([^)]*)\)", query):
        known = {label for name, _ in _selectors(query) for one in exposed[name] for label in one}
        assert set(re.split(r",\s*", labels)) <= known | {"job", "instance"} or "heimdex:" in query


def test_recorded_names_are_recorded() -> None:
    recorded = {rule["record"] for rule in _rules() if "record" in rule}
    used = {name for rule in ALERTS for name in re.findall(r"heimdex:[\w:]+", rule["expr"])}

    assert used == recorded


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_leads_to_its_page(alert: dict[str, Any]) -> None:
    page = ROOT / alert["annotations"]["runbook_url"]

    assert page == RUNBOOK / f"{alert['alert']}.md"
    assert [line for line in page.read_text().splitlines() if line.startswith("## ")] == [
        "## Symptom", "## What it means", "## Checks", "## Cure",
    ]  # fmt: skip
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert f"[{alert['alert']}]" in (RUNBOOK / "README.md").read_text()


@pytest.mark.parametrize("page", sorted(RUNBOOK.glob("*.md")), ids=lambda page: page.stem)
def test_the_runbook_names_only_what_there_is(page: Path) -> None:
    text = page.read_text()
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    commands |= {str(group.name) for group in app.registered_groups}

    assert set(re.findall(r"`heimdex ([a-z][a-z-]+)", text)) <= {name.replace("_", "-") for name in commands}
    exposed = set(_exposed())
    for name in re.findall(r"heimdex_\w+", text):  # a histogram is named without its parts
        assert exposed & {name, f"{name}_bucket"}, name
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).is_file(), target
