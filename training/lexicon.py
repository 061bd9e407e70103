"""Words around the known ones: function words that mean nothing here, and words that nobody taught the model.

Known words are in `concepts.toml`. Unknown words come from emojibase and CLDR (names and tags in both languages), an
English word list and invented Korean syllable strings; the model learns to send them where no picture is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.concepts import LANGUAGES, Vocabulary

NEUTRAL = {
    "en": [
        "a",
        "an",
        "the",
        "some",
        "this",
        "that",
        "these",
        "of",
        "with",
        "and",
        "or",
        "near",
        "by",
        "next",
        "to",
        "beside",
        "behind",
        "in",
        "on",
        "at",
        "there",
        "is",
        "are",
        "was",
        "be",
        "show",
        "me",
        "find",
        "search",
        "for",
        "look",
        "looking",
        "see",
        "want",
        "i",
        "please",
        "where",
        "which",
        "who",
        "scene",
        "scenes",
        "picture",
        "photo",
        "image",
        "video",
        "clip",
        "clips",
        "frame",
        "shot",
        "footage",
        "moment",
        "moments",
        "containing",
        "contains",
        "featuring",
        "has",
        "have",
        "having",
        "appears",
        "appearing",
        "big",
        "small",
        "large",
        "little",
        "tiny",
        "huge",
        "cute",
        "pretty",
        "beautiful",
        "nice",
        "lovely",
        "new",
        "young",
        "fast",
        "slow",
        "quickly",
        "slowly",
        "running",
        "walking",
        "standing",
        "sitting",
        "driving",
        "moving",
        "flying",
        "swimming",
        "playing",
        "parked",
        "eating",
        "sleeping",
        "riding",
        "passing",
        "going",
        "coming",
        "holding",
        "wearing",
        "one",
        "two",
        "three",
        "many",
        "several",
        "few",
        "lots",
        "left",
        "right",
        "top",
        "bottom",
        "middle",
        "front",
        "back",
        "close",
        "up",
        "close-up",
        "cartoon",
        "drawing",
        "drawn",
        "emoji",
        "color",
        "colour",
        "colored",
        "coloured",
        "very",
        "really",
        "just",
        "only",
        "it",
        "its",
        "from",
        "to",
        "over",
        "under",
        "while",
    ],
    "ko": [
        "사진",
        "장면",
        "그림",
        "영상",
        "비디오",
        "동영상",
        "모습",
        "화면",
        "순간",
        "있는",
        "나오는",
        "나온",
        "보이는",
        "보여줘",
        "보여",
        "줘",
        "찾아줘",
        "찾아",
        "주세요",
        "찾기",
        "검색",
        "그",
        "이",
        "저",
        "어떤",
        "그리고",
        "및",
        "또는",
        "큰",
        "작은",
        "커다란",
        "조그만",
        "귀여운",
        "예쁜",
        "멋진",
        "아름다운",
        "새로운",
        "젊은",
        "빠른",
        "느린",
        "빠르게",
        "천천히",
        "달리는",
        "걷는",
        "걸어가는",
        "뛰는",
        "서",
        "앉아",
        "앉은",
        "날아가는",
        "나는",
        "움직이는",
        "지나가는",
        "주차된",
        "먹는",
        "자는",
        "타는",
        "노는",
        "한",
        "두",
        "세",
        "마리",
        "대",
        "명",
        "송이",
        "여러",
        "많은",
        "왼쪽",
        "오른쪽",
        "위에",
        "아래에",
        "앞에",
        "뒤에",
        "옆에",
        "옆",
        "가까운",
        "속에",
        "안에",
        "함께",
        "같이",
        "있다",
        "있어",
        "있습니다",
        "색",
        "색깔",
        "만화",
        "이모지",
        "매우",
        "아주",
        "정말",
    ],
}
IRREGULAR = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "sheep": "sheep",
    "fish": "fish",
    "leaf": "leaves",
    "person": "people",
    "policeman": "policemen",
    "gentleman": "gentlemen",
    "old man": "old men",
    "old woman": "old women",
    "autumn leaf": "autumn leaves",
    "loaf": "loaves",
    "scissors": "scissors",
    "cherry": "cherries",
}


def plural(word: str) -> str:
    """English plural of a noun or noun phrase, for the words of `concepts.toml`."""
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word.endswith("s") and not word.endswith(("ss", "us")):
        return word
    if re.search("[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search("(s|x|ch|sh|ss)$", word) else "s")


def has_final(word: str) -> bool:
    """True where a Korean word ends in a consonant, which decides its particles."""
    last = word[-1]
    return "가" <= last <= "힣" and (ord(last) - 0xAC00) % 28 > 0


PARTICLES = {
    True: ("이", "을", "은", "과", "의", "이랑", "하고", "만", "도"),
    False: ("가", "를", "는", "와", "의", "랑", "하고", "만", "도"),
}


@dataclass(frozen=True)
class Lexicon:
    """Unknown words by language, and the Korean syllables that invented words are made of."""

    unknown: dict[str, list[str]]
    syllables: list[str]

    def stranger(self, language: str, rng: np.random.Generator) -> str:
        """A word that names nothing known."""
        if language == "ko" and rng.random() < 0.35:
            return "".join(self.syllables[i] for i in rng.integers(0, len(self.syllables), int(rng.integers(2, 5))))
        if language == "en" and rng.random() < 0.05:
            return "".join(chr(97 + int(i)) for i in rng.integers(0, 26, int(rng.integers(3, 10))))
        words = self.unknown[language]
        return words[int(rng.integers(len(words)))]


def build_lexicon(folder: Path, words: Vocabulary) -> Lexicon:
    """Collect unknown words from the packages that `artwork.fetch` unpacked."""
    unknown: dict[str, list[str]] = {}
    for language in LANGUAGES:
        found = set(emoji_words(folder, language)) | set(place_names(folder, language))
        if language == "en":
            english = json.loads((folder / "an-array-of-english-words/package/index.json").read_text(encoding="utf-8"))
            step = np.random.default_rng(2)
            found |= {english[int(i)] for i in step.choice(len(english), 40_000, replace=False)}
        known = words.known_words(language) | set(NEUTRAL[language])
        known |= {plural(w) for w in known} if language == "en" else set()
        unknown[language] = sorted(w for w in found if not is_known(w, known, language))
    syllables = [s for w in unknown["ko"] for s in w if "가" <= s <= "힣"]
    return Lexicon(unknown, syllables)


def is_known(word: str, known: set[str], language: str) -> bool:
    """Known itself, or (Korean) known with a particle at the end, or too short or odd to be a word."""
    if len(word) < 2 or not all(c.isalpha() or c in "'-" for c in word) or word in known:
        return True
    if language == "ko":
        return any(word == k + p for p in PARTICLES[True] + PARTICLES[False] for k in (word[: -len(p)],) if k in known)
    return word.rstrip("s") in known or word.endswith(("-", "'s"))


def emoji_words(folder: Path, language: str) -> list[str]:
    data = json.loads((folder / f"emojibase-data/package/{language}/data.json").read_text(encoding="utf-8"))
    return [
        w
        for e in data
        for text in (e["label"], *e.get("tags", ()))
        for w in re.split(r"[\s,:“”\"()]+", text.lower())
        if w
    ]


def place_names(folder: Path, language: str) -> list[str]:
    base = folder / f"cldr-localenames-full/package/main/{language}"
    names: list[str] = []
    for file in ("territories", "languages"):
        data = json.loads((base / f"{file}.json").read_text(encoding="utf-8"))
        names += data["main"][language]["localeDisplayNames"][file].values()
    return [w for name in names for w in re.split(r"[\s,()]+", name.lower()) if w]
