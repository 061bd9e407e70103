"""``/v1/preferences/search``: the weights that count when a request gives none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from heimdex.domain.errors import BadRequest
from heimdex.domain.query import Channel
from heimdex.search.weights import PRESETS, check_weights, weigh
from heimdex.web.library import Library, OpenLibrary
from heimdex.web.schemas import WeighedOut

router = APIRouter(prefix="/v1/preferences", tags=["preferences"])


class PreferencesIn(BaseModel):
    """Weights to save, one by one or by the name of a preset."""

    model_config = ConfigDict(
        extra="forbid", allow_inf_nan=False, json_schema_extra={"examples": [{"weights": {"visual": 1, "lexical": 0}}]}
    )

    weights: dict[str, float] | None = Field(None, description="Channel to weight, 0 to 1; others keep the settings'.")
    preset: str | None = Field(None, description="`balanced`, `seen`, `said` or `exact`.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.weights is None) == (self.preset is None):
            raise ValueError("give either weights or preset")
        return self


class PreferencesOut(BaseModel):
    """What is saved, what is in force for a search that says nothing, and what there is to choose from."""

    weights: dict[str, float]
    in_force: dict[str, WeighedOut]
    settings: dict[str, float]
    presets: dict[str, dict[str, float]]


@router.get("/search", operation_id="search_preferences")
async def read(library: OpenLibrary) -> PreferencesOut:
    """Return the saved weights."""
    return await _told(library)


@router.put("/search", operation_id="save_search_preferences")
async def save(body: PreferencesIn, library: OpenLibrary) -> PreferencesOut:
    """Save weights for every search to come, instead of those saved before."""
    weights = check_weights(body.weights) if body.weights is not None else _preset(body.preset or "")
    if weights:
        await library.preferences.save_weights(weights)
    else:
        await library.preferences.forget_weights()
    return await _told(library)


@router.delete("/search", operation_id="forget_search_preferences")
async def forget(library: OpenLibrary) -> PreferencesOut:
    """Forget the saved weights: those of the settings count again."""
    await library.preferences.forget_weights()
    return await _told(library)


def _preset(name: str) -> dict[Channel, float]:
    if name not in PRESETS:
        raise BadRequest(f"There is no preset {name[:40]!r}.", remedy=f"Choose one of {', '.join(PRESETS)}.")
    return dict(PRESETS[name])


async def _told(library: Library) -> PreferencesOut:
    saved = await library.preferences.weights()
    in_force = weigh(library.search.config.weights, saved, {}).given
    return PreferencesOut(
        weights=_named(saved),
        in_force={channel.value: WeighedOut.of(weighed) for channel, weighed in in_force.items()},
        settings=_named(weigh(library.search.config.weights, {}, {}).values),
        presets={name: _named(weights) for name, weights in PRESETS.items()},
    )


def _named(weights: Mapping[Channel, float]) -> dict[str, float]:
    return {channel.value: weight for channel, weight in weights.items()}
