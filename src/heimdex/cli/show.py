"""An answer for people: from the same object that goes over the wire, so that both ways of asking look alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from heimdex.cli.output import console, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_STYLE = {"strong": "bold green", "medium": "yellow", "weak": "dim", "none": "dim"}
_WHY = {"visual": "seen", "transcript": "said", "summary": "told", "lexical": "words"}
_SNIPPET_CHARACTERS = 160
_SPOKEN = {"transcript", "lexical"}


def show_answer(answer: Mapping[str, Any], *, places: Mapping[str, str], explain: bool = False) -> None:
    """Print the moments, best first, or say that there is no good match.

    Args:
        places: scene id -> where to play it: an address of the server, or the file.
    """
    out = console()
    results = answer["results"]
    if not results:
        out.print(f"No good match for “{plain(answer['query'])}”.", markup=False)
    for result in results:
        _show_result(out, result, places.get(result["scene_id"], ""), explain=explain)
    mode = answer["mode"]
    out.print(f"{mode['used']}: {plain(mode['reason'])} · {answer['took_ms']:.0f} ms", style="dim", markup=False)
    chosen = {n: w for n, w in answer.get("weights", {}).items() if w["source"] != "settings"}
    if chosen:
        told = ", ".join(f"{name} {weighed['value']:.3g} ({weighed['source']})" for name, weighed in chosen.items())
        out.print(f"weights: {told}", style="dim", markup=False)
    if explain:
        for name, value in answer["explanation"].items():
            out.print(f"  {name}: {value}", style="dim", markup=False)


def _show_result(out: Console, result: Mapping[str, Any], place: str, *, explain: bool) -> None:
    out.print(_line(result))
    for step in result.get("then", ()):
        out.print(f"       then {clock(step['start_s'])} – {clock(step['end_s'])}", style="cyan", markup=False)
    if result["snippet"] and any(m["channel"] in _SPOKEN and m["label"] != "none" for m in result["matched"]):
        out.print(f"       “{_short(plain(result['snippet']))}”", style="italic", markup=False)
    for match in result["matched"]:
        if match["channel"] == "summary" and match["label"] != "none" and match["text"]:
            out.print(f"       told: {_short(plain(match['text']))}", style="italic", markup=False)
    if place:
        out.print(f"       {plain(place)}", style="dim", markup=False)
    if explain:
        for match in result["matched"]:
            out.print(f"       {receipt_line(match)}", style="dim", markup=False)
        if result.get("penalty"):
            out.print(f"       time between: - {result['penalty']:.4f}", style="dim", markup=False)


def clock(seconds: float) -> str:
    """Return ``1:02.5`` or ``1:02:03.4``: minutes or hours, with tenths."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02}.{rest % 10}"


def _line(result: Mapping[str, Any]) -> Text:
    from rich.text import Text

    label = result["label"]
    line = Text(f"{result['rank']:>3}  ")
    line.append(f"{label:<7}", style=_STYLE.get(label, ""))
    line.append(plain(result["title"]), style="bold")
    line.append(f"  {clock(result['start_s'])} – {clock(result['end_s'])}", style="cyan")
    line.append(f"  {why(result)}", style="magenta")
    return line


def why(result: Mapping[str, Any]) -> str:
    """Return the kinds of evidence that count for a result, the one that added most first: ``seen, words``."""
    counting = [match for match in result["matched"] if match["label"] != "none"]
    matched = sorted(counting, key=lambda match: -match["normalised"] * match["weight"])
    names = [_WHY.get(match["channel"], match["channel"]) for match in matched]
    return ", ".join(dict.fromkeys(names))


def receipt_line(match: Mapping[str, Any]) -> str:
    """Return one line of a receipt: what a channel gave, and what that came to."""
    place = "rescored" if match["rank"] is None else f"rank {match['rank']}"
    part = match["normalised"] * match["weight"]
    return (
        f"{match['channel']:<10} {place:<9} raw {match['raw']:.4f}  "
        f"normalised {match['normalised']:.4f} × weight {match['weight']:.4f} = {part:.4f}  "
        f"{'does not count' if match['label'] == 'none' else match['label']}"
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SNIPPET_CHARACTERS else text[:_SNIPPET_CHARACTERS].rstrip() + "…"
