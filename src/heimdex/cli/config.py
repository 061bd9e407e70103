"""``heimdex config``: every setting, its value and where it is set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heimdex.cli.output import console, say_json
from heimdex.cli.weights import weights

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

app = typer.Typer(help="See the settings, and save weights.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """See the settings, and save weights."""


app.command("weights")(weights)


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="A list of JSON objects.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only settings that differ from their default.")] = False,
) -> None:
    """Show every setting: its name, value, default and effect. Secrets stay hidden.

    \b
    heimdex config show --changed
    VISUAL_MODE=skip heimdex config show --json
    """
    rows = [row for row in _rows() if not changed or row["value"] != row["default"]]
    if as_json:
        say_json(rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("setting", "value", "default", "effect", box=None, pad_edge=False)
    for row in rows:
        value = Text(_shown(row["value"]), style="bold" if row["value"] != row["default"] else "")
        table.add_row(Text(row["environment"]), value, Text(_shown(row["default"])), Text(row["description"]))
    console().print(table)


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)


def _rows() -> Iterator[dict[str, Any]]:
    from pydantic import BaseModel

    from heimdex.settings import Settings, load_settings

    settings = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            for inner, inside in type(value).model_fields.items():
                environment = f"HEIMDEX_{name}__{inner}".upper()
                yield _row(environment, f"{name}.{inner}", getattr(value, inner), inside)
        else:
            alias = field.validation_alias
            yield _row(alias if isinstance(alias, str) else f"HEIMDEX_{name}".upper(), name, value, field)


def _row(environment: str, toml: str, value: Any, field: FieldInfo) -> dict[str, Any]:
    return {
        "environment": environment,
        "toml": toml,
        "value": _wire(value),
        "default": _wire(field.get_default(call_default_factory=True, validated_data={})),
        "from_environment": environment in os.environ,
        "description": field.description or "",
    }


def _wire(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else str(value)
