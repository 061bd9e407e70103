"""Teaches the text tower to read captions: which token names which thing, colour or place."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from torch.nn import functional as F

from training.captions import Caption, CaptionMaker
from training.codes import Codebook
from training.text_net import CONTEXT, Reader, Readings, TextTower

VOCABULARY = 6000
BATCH = 96
BATCHES_AT_ONCE = 12  # captions are sorted by length over this many batches, so that little is padding
PEAK_RATE = 2e-3
PAD, START = "<pad>", "<s>"


def build_tokenizer(sentences: list[str]) -> Tokenizer:
    """Byte-level BPE over NFC lower-case text; every text, also an empty one, begins with `<s>`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Punctuation(), pre_tokenizers.ByteLevel(add_prefix_space=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A", special_tokens=[(START, 1)])
    tokenizer.enable_truncation(CONTEXT)
    return tokenizer


@dataclass
class TextBatch:
    """Token ids (N, L) and, for each token, the class of each reading (the last class is "none")."""

    ids: Tensor
    targets: Readings


def encode(tokenizer: Tokenizer, captions: list[Caption], book: Codebook) -> TextBatch:
    encoded = tokenizer.encode_batch([c.text for c in captions])
    length = max(len(e.ids) for e in encoded)
    shape = (len(captions), length)
    ids = np.zeros(shape, np.int64)
    colours, places = len(book.words.colours), len(book.words.backgrounds)
    thing, colour = np.full(shape, book.things), np.full(shape, colours)
    bare, place = np.full(shape, colours), np.full(shape, places)
    for row, (item, caption) in enumerate(zip(encoded, captions, strict=True)):
        ids[row, : len(item.ids)] = item.ids
        for meaning in caption.meanings:
            token = item.char_to_token(meaning.at)
            if token is None:
                continue
            if meaning.thing >= 0:
                thing[row, token] = meaning.thing
            if meaning.colour >= 0:
                colour[row, token] = meaning.colour
            if meaning.bare >= 0:
                bare[row, token] = meaning.bare
            if meaning.place >= 0:
                place[row, token] = meaning.place
    return TextBatch(torch.from_numpy(ids), Readings(*(torch.from_numpy(t) for t in (thing, colour, bare, place))))


def loss_of(read: Readings, batch: TextBatch) -> Tensor:
    """Cross-entropy of each reading over real tokens."""
    real = batch.ids != 0
    return sum(
        (F.cross_entropy(logits[real], target[real]) for logits, target in zip(read, batch.targets, strict=True)),
        start=torch.zeros(()),
    )


def code_of(caption: Caption, book: Codebook) -> np.ndarray:
    """The analytic code of a caption, which the tower should produce."""
    things = [(m.thing, m.colour) for m in caption.meanings if m.thing >= 0 and m.thing != book.unknown_thing]
    things += [(m.thing, m.colour) for m in caption.meanings if m.thing == book.unknown_thing][:1]
    things += [(-1, m.bare) for m in caption.meanings if m.bare >= 0]
    place = [m.place for m in caption.meanings if m.place >= 0]
    return book.phrase(things, place[0] if place else -1)


def similar_lengths(maker: CaptionMaker, rng: np.random.Generator) -> list[list[Caption]]:
    """Several batches of captions, each of about the same length, in random order."""
    captions = sorted((maker.write(rng) for _ in range(BATCH * BATCHES_AT_ONCE)), key=lambda c: len(c.text.encode()))
    batches = [captions[i : i + BATCH] for i in range(0, len(captions), BATCH)]
    return [batches[int(i)] for i in rng.permutation(len(batches))]


def train(maker: CaptionMaker, book: Codebook, minutes: float, folder: Path) -> tuple[TextTower, Tokenizer]:
    """Train on endless captions for a given time; writes the tokenizer and the weights into `folder`."""
    torch.manual_seed(0)
    rng = np.random.default_rng(21)
    corpus = [maker.write(rng).text for _ in range(30_000)]
    corpus += [w for language in maker.lexicon.unknown.values() for w in language]
    tokenizer = build_tokenizer(corpus)
    words = book.words
    reader = Reader(tokenizer.get_vocab_size(), book.things, len(words.colours), len(words.backgrounds))
    tower = TextTower(reader, book)
    optimiser = torch.optim.AdamW(reader.parameters(), PEAK_RATE, weight_decay=0.02)
    waiting: list[list[Caption]] = []
    began, step = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < minutes * 60:
        done = elapsed / (minutes * 60)
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * min(1, step / 100 + 0.02) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        if not waiting:
            waiting = similar_lengths(maker, rng)
        captions = waiting.pop()
        batch = encode(tokenizer, captions, book)
        loss = loss_of(reader(batch.ids), batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step in (5, 50) or step % 200 == 0:
            with torch.no_grad():
                wanted = torch.from_numpy(np.stack([code_of(c, book) for c in captions]))
                agree = (tower(batch.ids) * wanted).sum(1)
            print(
                f"step {step}  {elapsed:.0f} s  loss {loss.item():.3f}  cosine to the analytic code {agree.mean():.4f}",
                flush=True,
            )
    torch.save(reader.state_dict(), folder / "reader.pt")
    tokenizer.save(str(folder / "tokenizer.json"))
    return tower.eval(), tokenizer
