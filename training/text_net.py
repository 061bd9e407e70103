"""The text tower: a small transformer reads out of each token which thing, colour or place it names.

Input (N, L) int32 token ids, 0 = padding. The readings are composed into the same code as the image tower's.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.codes import NEUTRAL, Codebook

CONTEXT = 64
WIDTH = 192
HEADS = 4


class Readings(NamedTuple):
    """Logits for each token (N, L, …), the last class of each is "none"."""

    thing: Tensor
    colour: Tensor
    bare: Tensor
    place: Tensor


class Block(nn.Module):
    """Pre-norm self-attention and a feed-forward part; `hidden` (N, 1, 1, L) is very negative on padding."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(3 * WIDTH, WIDTH)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        count, length = x.shape[0], x.shape[1]
        split = self.qkv(self.norm1(x)).reshape(count, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weights = (split[0] @ split[1].transpose(-1, -2) / (WIDTH // HEADS) ** 0.5 + hidden).softmax(-1)
        x = x + self.out((weights @ split[2]).transpose(1, 2).reshape(count, length, WIDTH))
        return x + self.narrow(F.gelu(self.wide(self.norm2(x))))


class Reader(nn.Module):
    """Token ids to readings; neighbours are mixed by a convolution before attention looks further."""

    def __init__(self, tokens: int, things: int, colours: int, places: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, WIDTH, padding_idx=0)
        nn.init.normal_(self.embed.weight, 0, 0.05)
        self.position = nn.Parameter(torch.randn(CONTEXT, WIDTH) * 0.01)
        self.near = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm = nn.LayerNorm(WIDTH)
        self.thing, self.colour = nn.Linear(WIDTH, things + 1), nn.Linear(WIDTH, colours + 1)
        self.bare, self.place = nn.Linear(WIDTH, colours + 1), nn.Linear(WIDTH, places + 1)

    def forward(self, text: Tensor) -> Readings:
        real = (text != 0).unsqueeze(-1).float()
        hidden = ((1 - real) * -1e4).transpose(1, 2).unsqueeze(1)
        x = (self.embed(text) + self.position[: text.shape[1]]) * real
        x = x + F.gelu(self.near(x.transpose(1, 2)).transpose(1, 2))
        for block in self.blocks:
            x = block(x * real, hidden)
        x = self.norm(x)
        return Readings(self.thing(x), self.colour(x), self.bare(x), self.place(x))


class TextTower(nn.Module):
    """Text to unit code."""

    def __init__(self, reader: Reader, book: Codebook) -> None:
        super().__init__()
        self.reader, self.weights, self.unknown = reader, book.weights, book.unknown_thing
        self.things: Tensor
        self.signatures: Tensor
        self.signs: Tensor
        self.shades: Tensor
        self.places: Tensor
        self.neutral: Tensor
        tables = {
            "things": book.thing[:, : book.single_axes],
            "signatures": book.signature,
            "signs": book.sign,
            "shades": book.colour[:, : book.single_axes],
            "places": book.background[:, : book.single_axes],
            "neutral": book.special(NEUTRAL)[: book.single_axes],
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.from_numpy(table.copy()))

    def forward(self, text: Tensor) -> Tensor:
        text = text[:, :CONTEXT].long()
        return self.compose(self.reader(text), (text != 0).float())

    def compose(self, read: Readings, real: Tensor) -> Tensor:
        """Things add up over tokens; unknown words count once, however many there are."""
        w, mask = self.weights, real.unsqueeze(-1)
        thing = read.thing.softmax(-1)[..., :-1] * mask
        strange = thing[..., self.unknown :]
        keep = strange.amax(1, keepdim=True) / strange.sum(1, keepdim=True).clamp(min=1e-6)
        thing = torch.cat([thing[..., : self.unknown], strange * keep], -1)
        colour = read.colour.softmax(-1)[..., :-1]
        bare = (read.bare.softmax(-1)[..., :-1] * mask).sum(1)
        place = (read.place.softmax(-1)[..., :-1] * mask).sum(1)
        shade = (thing.sum(-1, keepdim=True) * colour).sum(1)
        single = w.thing * (thing.sum(1) @ self.things) + (w.colour * shade + w.thing * bare) @ self.shades
        single = single + w.background * (place @ self.places) + 0.02 * self.neutral
        bound = w.bound * ((thing @ self.signatures) * (colour @ self.signs)).sum(1)
        return F.normalize(torch.cat([single, bound], 1), dim=1)
