"""Dense supervision of the image tower: the renderer knows what is in each cell, the net learns to say it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.concepts import Vocabulary
from training.dataset import INPUT_HEIGHT, INPUT_WIDTH, Rows
from training.image_net import CELL_PX, Namer, Names

PEAK_RATE = 2e-3
FULL = (INPUT_HEIGHT, INPUT_WIDTH)


@dataclass(frozen=True)
class Stage:
    """A part of the training: the size of what the net sees (windows around one object, or whole frames)."""

    size: tuple[int, int]
    batch: int
    share: float  # of the training time


STAGES = (Stage((32, 32), 176, 0.45), Stage((48, 48), 96, 0.25), Stage(FULL, 48, 0.30))
IGNORED = -100


def cell_targets(
    concept: Tensor, colour: Tensor, box: Tensor, concepts: int, size: tuple[int, int] = FULL
) -> tuple[Tensor, Tensor]:
    """Object and colour of each cell (N, rows, columns): the core of an object is its name, its rim is ignored."""
    rows, columns = size[0] // CELL_PX, size[1] // CELL_PX
    high, wide = INPUT_HEIGHT / rows, INPUT_WIDTH / columns
    y, x = (torch.arange(rows) + 0.5) * high, (torch.arange(columns) + 0.5) * wide
    thing = torch.full((len(concept), rows, columns), concepts)
    shade = torch.full_like(thing, IGNORED)
    for k in range(concept.shape[1]):
        cx, cy, rx, ry = (box[:, k, i, None, None] for i in range(4))
        dx, dy = x[None, None, :] - cx, y[None, :, None] - cy
        there = (concept[:, k] >= 0)[:, None, None]
        core = there & (
            (dx / (rx * 0.6).clamp(min=0.62 * wide)) ** 2 + (dy / (ry * 0.6).clamp(min=0.62 * high)) ** 2 < 1
        )
        rim = there & ~core & ((dx / (rx + 3)) ** 2 + (dy / (ry + 3)) ** 2 < 1.2) & (thing == concepts)
        thing = torch.where(rim, torch.tensor(IGNORED), thing)
        thing = torch.where(core, concept[:, k, None, None], thing)
        known = torch.where(colour[:, k] >= 0, colour[:, k], torch.tensor(IGNORED))
        shade = torch.where(core, known[:, None, None], shade)
    return thing, shade


def whole_frame(count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Windows onto about the whole frame: half widths and centres in -1 … 1, each (N,)."""
    zoom, stretch = torch.empty(count).uniform_(0.75, 1.1), torch.empty(count).uniform_(0.9, 1.1)
    shift = torch.empty(2, count).uniform_(-0.08, 0.08)
    return zoom * stretch, zoom / stretch, shift[0], shift[1]


def around_one_thing(concept: Tensor, box: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Square windows around one object of each scene, so that few pixels are spent on one name; `side` in pixels."""
    count = len(concept)
    which = (torch.rand(count) * (concept >= 0).sum(1)).long().clamp(min=0)
    x, y, rx, ry = box[torch.arange(count), which].T
    half = (torch.maximum(rx, ry) * torch.empty(count).uniform_(1.0, 1.8)).clamp(0.4 * side, INPUT_HEIGHT / 2)
    stretch = torch.empty(count).uniform_(0.9, 1.1)
    sx, sy = half * stretch / (INPUT_WIDTH / 2), half / stretch / (INPUT_HEIGHT / 2)
    x = x / (INPUT_WIDTH / 2) - 1 + sx * torch.empty(count).uniform_(-0.3, 0.3)
    y = y / (INPUT_HEIGHT / 2) - 1 + sy * torch.empty(count).uniform_(-0.3, 0.3)
    return sx, sy, x, y


def moved(
    image: Tensor, box: Tensor, window: tuple[Tensor, Tensor, Tensor, Tensor], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Cut the windows out, some mirrored and leaning a little; boxes follow (in pixels of FULL, whatever the size)."""
    count = len(image)
    sx, sy, tx, ty = window
    sx = sx * torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    lean, zero = torch.empty(count).normal_(0, 0.05) * sy, torch.zeros(count)
    theta = torch.stack([torch.stack([sx, lean, tx], 1), torch.stack([zero, sy, ty], 1)], 1)
    grid = F.affine_grid(theta, [count, 3, *size], align_corners=False)
    image = F.grid_sample(image, grid, padding_mode="border", align_corners=False)
    half_w, half_h = INPUT_WIDTH / 2, INPUT_HEIGHT / 2
    u, v = box[..., 0] / half_w - 1, box[..., 1] / half_h - 1
    v = (v - ty[:, None]) / sy[:, None]
    u = (u - tx[:, None] - lean[:, None] * v) / sx[:, None]
    sizes = box[..., 2] / sx.abs()[:, None], box[..., 3] / sy[:, None]
    return image, torch.stack([(u + 1) * half_w, (v + 1) * half_h, *sizes], -1)


def relit(image: Tensor) -> Tensor:
    """Contrast, brightness, a slight cast, thin dark lines and softness, on some images each."""
    count = len(image)

    def some(share: float) -> Tensor:
        return (torch.rand(count, 1, 1, 1) < share).float()

    gain = (
        1
        + some(0.5) * torch.empty(count, 3, 1, 1).normal_(0, 0.05)
        + some(0.5) * torch.empty(count, 1, 1, 1).normal_(0, 0.12)
    )
    image = image * gain + some(0.5) * torch.empty(count, 1, 1, 1).normal_(0, 0.1)
    darkest = -F.max_pool2d(-image.mean(1, keepdim=True), 3, 1, 1)
    lined = torch.minimum(image, image * 0.6 + 0.2 * (darkest - 1))
    image = torch.lerp(image, lined, some(0.15))
    return torch.lerp(image, F.avg_pool2d(image, 3, 1, 1), some(0.12))


def loss_of(names: Names, thing: Tensor, shade: Tensor, background: Tensor, concept: Tensor, colour: Tensor) -> Tensor:
    """Cell names, background, and the evidence of the whole image that retrieval will use."""
    concepts = names.thing.shape[1] - 1
    weight = torch.ones(concepts + 1)
    weight[concepts] = 0.15
    cells = F.cross_entropy(names.thing, thing, weight=weight, ignore_index=IGNORED, label_smoothing=0.03)
    shades = F.cross_entropy(names.colour, shade, ignore_index=IGNORED)
    places = F.cross_entropy(names.background, background)
    outside = (thing.flatten(1)[:, None] != concept[:, :, None]).all(2)  # cut away by the window
    concept = torch.where(outside, -1, concept)
    probability = names.thing.softmax(1)[:, :concepts].flatten(2)
    rows = torch.arange(len(concept))[:, None].expand_as(concept)
    real = concept >= 0
    present = torch.zeros(len(concept), concepts)
    present[rows[real], concept[real]] = 1
    sure = probability.amax(2).clamp(1e-4, 1 - 1e-4)
    whole = -(present * sure.log() + (1 - present) * (1 - sure).log()).sum(1).mean()
    coloured = real & (colour >= 0)
    tint = names.colour.softmax(1).flatten(2)
    pair = (probability[rows[coloured], concept[coloured]] * tint[rows[coloured], colour[coloured]]).amax(1)
    pairs = -pair.clamp(min=1e-4).log().mean()
    return cells + 0.5 * shades + 0.25 * places + 0.12 * whole + 0.15 * pairs


def stage_at(done: float, stages: tuple[Stage, ...]) -> Stage:
    """The stage after a part (0 to 1) of the training time."""
    for stage in stages:
        done -= stage.share
        if done < 0:
            return stage
    return stages[-1]


def load_rows(folder: Path, have: Rows | None, seen: set[Path]) -> Rows | None:
    """Add shards that have been finished since the last look."""
    fresh = [f for f in sorted(folder.glob("[0-9]*.npz")) if f not in seen and ".part" not in f.name]
    if not fresh:
        return have
    seen.update(fresh)
    parts = [Rows.load(f) for f in fresh]
    return Rows.joined([have, *parts] if have is not None else parts)


def train(
    words: Vocabulary,
    shards: Path,
    minutes: float,
    checkpoint: Path,
    start: Path | None = None,
    stages: tuple[Stage, ...] = STAGES,
    peak_rate: float = PEAK_RATE,
) -> Namer:
    """Train for a given time, from scratch or from a checkpoint; new shards are taken in as they appear."""
    torch.manual_seed(0)
    torch.set_flush_denormal(True)
    rng = np.random.default_rng(0)
    concepts = len(words.concepts)
    namer = Namer(concepts, len(words.colours), len(words.backgrounds)).to(memory_format=torch.channels_last)
    if start is not None:
        namer.load_state_dict(torch.load(start))
    optimiser = torch.optim.AdamW(namer.parameters(), peak_rate, weight_decay=0.05)
    average = AveragedModel(namer, multi_avg_fn=get_ema_multi_avg_fn(0.99), use_buffers=True)
    seen: set[Path] = set()
    rows = load_rows(shards, None, seen)
    began, step, shown, hits, cores = time.monotonic(), 0, 0, 0.0, 0
    while (elapsed := time.monotonic() - began) < minutes * 60:
        if step % 200 == 0:
            rows = load_rows(shards, rows, seen)
        assert rows is not None, "render shards first"
        done = elapsed / (minutes * 60)
        rate = peak_rate * min(1, step / 100 + 0.02) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        stage = stage_at(done, stages)
        size = stage.size
        part = rows.take(np.sort(rng.choice(len(rows.image), stage.batch, replace=False)))
        image = torch.from_numpy(part.image).permute(0, 3, 1, 2).float() / 127.5 - 1
        box, concept = torch.from_numpy(part.box), torch.from_numpy(part.concept).long()
        window = whole_frame(len(box)) if size == FULL else around_one_thing(concept, box, size[0])
        image, box = moved(image, box, window, size)
        image = relit(image).contiguous(memory_format=torch.channels_last)
        colour = torch.from_numpy(part.colour).long()
        thing, shade = cell_targets(concept, colour, box, concepts, size)
        place = torch.from_numpy(part.background).long()
        place = torch.where(place >= 0, place, torch.tensor(len(words.backgrounds)))
        names = namer(image)
        loss = loss_of(names, thing, shade, place, concept, colour)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(namer.parameters(), 3.0)
        optimiser.step()
        average.update_parameters(namer)
        step, shown = step + 1, shown + len(image)
        core = (thing >= 0) & (thing < concepts)
        hits, cores = hits + float((names.thing.argmax(1)[core] == thing[core]).sum()), cores + int(core.sum())
        if step in (5, 20, 50) or step % 100 == 0:
            speed = shown / (time.monotonic() - began)
            right = hits / max(1, cores)
            print(
                f"step {step}  {elapsed:.0f} s  {speed:.0f} images/s  loss {loss.item():.3f}  cells right {right:.3f}",
                flush=True,
            )
            hits, cores = 0.0, 0
        if step % 500 == 0:
            torch.save(average.module.state_dict(), checkpoint)
    torch.save(average.module.state_dict(), checkpoint)
    smooth = average.module
    assert isinstance(smooth, Namer)
    return smooth.eval()
