"""The image tower: a small convolutional net names object and colour in each cell; the names are composed into a code.

Input (N, 3, 64, 96) float32, RGB as (x / 255 - 0.5) / 0.5. Cells are 8 x 12, each 8 pixels wide.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.codes import EMPTY, Codebook

CELL_PX = 8


class Conv(nn.Module):
    """Convolution, batch norm, ReLU; with a shortcut where the shape allows."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.shortcut = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.conv(x)))
        return x + y if self.shortcut else y


class Names(NamedTuple):
    """Logits: thing (N, concepts + 1, 8, 12), the last is "nothing"; colour (N, 11, 8, 12); background (N, B + 1)."""

    thing: Tensor
    colour: Tensor
    background: Tensor


class Namer(nn.Module):
    """Names what is in each cell."""

    def __init__(self, concepts: int, colours: int, backgrounds: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(Conv(3, 32, 2), Conv(32, 64, 2), Conv(64, 64), Conv(64, 64))
        self.middle = nn.Sequential(Conv(64, 128, 2), Conv(128, 128), Conv(128, 128))
        self.coarse = nn.Sequential(Conv(128, 256, 2), Conv(256, 256), Conv(256, 256))
        self.lift = Conv(256, 128, size=1)
        self.merge = nn.Sequential(Conv(128, 128), Conv(128, 192))
        self.thing = nn.Conv2d(192, concepts + 1, 1)
        self.colour = nn.Conv2d(192, colours, 1)
        self.background = nn.Linear(256, backgrounds + 1)

    def forward(self, image: Tensor) -> Names:
        middle = self.middle(self.fine(image))
        coarse = self.coarse(middle)
        lifted = F.interpolate(self.lift(coarse), scale_factor=2.0, mode="nearest")
        cells = self.merge(middle + lifted)
        return Names(self.thing(cells), self.colour(cells), self.background(coarse.mean((2, 3))))


class Evidence(NamedTuple):
    """How sure the net is: thing (N, C), pair (N, C, 11), colour (N, 11), background (N, B), all in 0 to 1."""

    thing: Tensor
    pair: Tensor
    colour: Tensor
    background: Tensor


def gather(names: Names, concepts: int) -> Evidence:
    """The best cell counts, so a large object weighs as much as a small one."""
    count, _, rows, columns = names.thing.shape
    thing = names.thing.softmax(1)[:, :concepts].reshape(count, concepts, rows * columns)
    colour = names.colour.softmax(1).reshape(count, -1, rows * columns)
    pairs = torch.stack([(thing * colour[:, k : k + 1]).amax(2) for k in range(colour.shape[1])], 2)
    shades = (thing.sum(1, keepdim=True) * colour).amax(2)
    return Evidence(thing.amax(2), pairs, shades, names.background.softmax(1)[:, :-1])


class ImageTower(nn.Module):
    """Image to unit code. `trust` is the power by which weak evidence is weakened further."""

    def __init__(self, namer: Namer, book: Codebook, trust: float = 1.0) -> None:
        super().__init__()
        self.namer, self.trust, self.weights = namer, trust, book.weights
        self.concepts = len(book.words.concepts)
        self.things: Tensor
        self.signatures: Tensor
        self.signs: Tensor
        self.places: Tensor
        self.shades: Tensor
        self.empty: Tensor
        tables = {
            "things": book.thing[: self.concepts, : book.single_axes],
            "signatures": book.signature[: self.concepts],
            "signs": book.sign,
            "places": book.background[:, : book.single_axes],
            "shades": book.colour[:, : book.single_axes],
            "empty": book.special(EMPTY)[: book.single_axes],
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table.copy()))

    def forward(self, image: Tensor) -> Tensor:
        return self.compose(gather(self.namer(image), self.concepts))

    def compose(self, seen: Evidence) -> Tensor:
        w, thing, pair = self.weights, seen.thing**self.trust, seen.pair**self.trust
        single = w.thing * (thing @ self.things) + w.colour * (seen.colour @ self.shades)
        single = single + w.background * (seen.background @ self.places) + w.empty * self.empty
        bound = w.bound * ((pair.transpose(1, 2) @ self.signatures) * self.signs).sum(1)
        return F.normalize(torch.cat([single, bound], 1), dim=1)
