"""Write the reference pages from the code; with ``--check``, fail when a page is stale.

Usage: python -m docs.reference [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer.main
from pydantic import BaseModel, SecretStr
from typer.core import TyperCommand, TyperGroup

from heimdex.cli.main import app
from heimdex.domain.media import Reason
from heimdex.settings import Settings

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by `make docs` from the code: change the code, not this page. -->\n"


def settings_page() -> str:
    """Return a table of every setting: name in the environment, default, effect."""
    rows = [
        "# Settings",
        NOTE,
        settings_intro(),
        "| environment | `heimdex.toml` | default | effect |",
        "|---|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=False)
        if isinstance(default, BaseModel):
            for inner, inside in type(default).model_fields.items():
                value = getattr(default, inner)
                rows.append(_row(f"HEIMDEX_{name}__{inner}".upper(), f"[{name}] {inner}", value, inside.description))
        else:
            alias = field.validation_alias if isinstance(field.validation_alias, str) else f"HEIMDEX_{name}".upper()
            rows.append(_row(alias, name, default, field.description))
    return "\n".join(rows) + "\n"


def settings_intro() -> str:
    return (
        "Strongest first: command-line options, environment, `heimdex.toml` in the data directory, the defaults.\n"
        "A value that cannot work stops the start with the name, the value and the remedy.\n"
    )


def _row(environment: str, toml: str, default: object, description: str | None) -> str:
    shown = "" if default is None or isinstance(default, SecretStr) or repr(default).startswith("Pydantic") else default
    return f"| `{environment}` | `{toml}` | {f'`{shown}`' if shown != '' else 'unset'} | {description} |"


def commands_page() -> str:
    """Return the help of every command."""
    parts = ["# Commands", NOTE]
    root = typer.main.get_command(app)
    for path, command in _commands(root, "heimdex"):
        context = typer.Context(command, info_name=path)
        usage = command.collect_usage_pieces(context)
        options = [record for p in command.get_params(context) if (record := p.get_help_record(context))]
        parts += [f"## {path}", "", _help(command), ""]
        parts += [f"`{path} {' '.join(usage)}`", ""]
        parts += ["| option | meaning |", "|---|---|"]
        parts += [
            f"| `{name.replace('|', '/')}` | {' '.join(text.split()).replace('|', '/')} |" for name, text in options
        ]
        parts.append("")
    return "\n".join(parts)


def _cell(text: str) -> str:
    """Return the text on one line, without the character that ends a table cell."""
    return " ".join(text.split()).replace("|", "/")


def _help(command: TyperCommand | TyperGroup) -> str:
    """Return the help with its examples as a code block."""
    paragraphs = []
    for paragraph in (command.help or "").split("\n\n"):
        is_example = paragraph.startswith("\b\n")
        text = paragraph.removeprefix("\b\n").strip()
        paragraphs.append(f"```console\n{text}\n```" if is_example else text)
    return "\n\n".join(paragraphs)


def _commands(command: object, path: str) -> list[tuple[str, TyperCommand | TyperGroup]]:
    if isinstance(command, TyperGroup):
        found: list[tuple[str, TyperCommand | TyperGroup]] = [] if " " in path else [(path, command)]
        for name in sorted(command.commands):
            found += _commands(command.commands[name], f"{path} {name}")
        return found
    return [(path, command)] if isinstance(command, TyperCommand) else []


def reasons_page() -> str:
    """Return the reasons for which a file is not searchable."""
    rows = ["# Why a file is not searchable", NOTE, "| reason | what it means | what to do |", "|---|---|---|"]
    rows += [f"| `{reason.value}` | {reason.explanation} | {reason.remedy} |" for reason in Reason]
    return "\n".join(rows) + "\n"


def openapi_page() -> str:
    """Return the description of the HTTP interface."""
    from heimdex.web.app import describe

    return json.dumps(describe(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


PAGES = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "reasons.md": reasons_page,
    "openapi.json": openapi_page,
}


def main(check: bool) -> int:
    """Write or compare all pages; return the exit code."""
    FOLDER.mkdir(exist_ok=True)
    stale = []
    for name, page in PAGES.items():
        file, text = FOLDER / name, page()
        if check and (not file.exists() or file.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not check:
            file.write_text(text, encoding="utf-8")
    if stale:
        sys.stderr.write(f"stale reference pages: {', '.join(stale)}; run `make docs`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
