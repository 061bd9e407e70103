"""Korean word forms: what is left of a word without its particles and endings.

Korean writes particles onto nouns (자동차가, 자동차를) and endings onto verbs (달리는, 달린다).
`noun_forms` and `verb_stems` return every reading that the spelling allows; a lexicon decides
which reading is meant. `query_stem` decides without a lexicon, for full-text search.
"""

from __future__ import annotations

from functools import lru_cache

from heimdex.ranking.lexicon import word_list

HANGUL_FIRST, HANGUL_LAST = "가", "힣"
_FINALS = 28
_VOWELS = 21
_FINAL_N, _FINAL_L, _FINAL_B, _FINAL_SS = 4, 8, 17, 20

#: particle -> what the syllable before it must end in: "v" vowel, "c" consonant, "" either
_PARTICLES: dict[str, str] = {
    "가": "v", "이": "c", "를": "v", "을": "c", "는": "v", "은": "c", "와": "v", "과": "c", "로": "l", "으로": "c",
    "랑": "v", "이랑": "c", "나": "v", "이나": "c", "란": "v", "이란": "c", "라고": "v", "이라고": "c",
    "인": "", "이다": "", "입니다": "", "의": "", "에": "", "에서": "", "에게": "", "에게서": "", "한테": "",
    "한테서": "", "께": "", "께서": "", "도": "", "만": "", "까지": "", "부터": "", "처럼": "", "같은": "", "보다": "",
    "밖에": "", "마다": "", "조차": "", "마저": "", "하고": "", "들": "", "씨": "", "님": "", "쪽": "", "야": "v",
    "아": "c", "중인": "", "중": "", "요": "", "이요": "c",
}  # fmt: skip
_BY_LENGTH = sorted(_PARTICLES, key=lambda particle: (-len(particle), particle))

#: nouns of one syllable: only these may be what is left of a word of two or three syllables
_SHORT_NOUNS = word_list("forms", "short_nouns")

#: nouns whose last syllable only looks like a particle
_WHOLE = word_list("forms", "whole")

_ENDINGS = (
    "", "는", "고", "며", "면서", "다", "는다", "은", "을", "기", "던", "지", "게", "자", "네", "나", "는데", "은데",
    "니", "고있는", "고있다", "아", "어", "여", "아서", "어서", "아요", "어요", "었다", "았다", "었던", "았던", "었어",
    "았어", "습니다", "니다", "는지", "은지", "려고", "으며", "으면서", "는중", "다가", "더라", "냐고", "냐", "자고",
    "라고", "다고", "는다고", "서", "요", "도록", "거나", "지만", "음", "다는", "라는", "자는", "냐는", "으로",
)  # fmt: skip


def is_hangul(char: str) -> bool:
    """Return whether ``char`` is a composed Hangul syllable."""
    return HANGUL_FIRST <= char <= HANGUL_LAST


def _parts(syllable: str) -> tuple[int, int, int]:
    """Return the numbers of the initial, the vowel and the final (0: none), as Unicode chapter 3.12 counts them."""
    code = ord(syllable) - ord(HANGUL_FIRST)
    return code // (_VOWELS * _FINALS), code % (_VOWELS * _FINALS) // _FINALS, code % _FINALS


def _syllable(initial: int, vowel: int, final: int = 0) -> str:
    return chr(ord(HANGUL_FIRST) + (initial * _VOWELS + vowel) * _FINALS + final)


def _fits(stem: str, condition: str) -> bool:
    if not stem or not is_hangul(stem[-1]):
        return bool(stem)
    final = _parts(stem[-1])[2]
    if condition == "v":
        return final == 0
    if condition == "c":
        return final != 0
    if condition == "l":
        return final in {0, _FINAL_L}
    return True


@lru_cache(maxsize=4096)
def noun_forms(word: str) -> tuple[str, ...]:
    """Return ``word`` and every shorter reading with up to three particles taken off, longest first."""
    forms = [word]
    frontier = [word]
    for _ in range(3):
        frontier = [
            form[: -len(particle)]
            for form in frontier
            for particle in _BY_LENGTH
            if form.endswith(particle) and _fits(form[: -len(particle)], _PARTICLES[particle])
        ]
        forms += [form for form in frontier if form not in forms]
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _uncontracted(form: str) -> list[str]:
    """Return stems whose last vowel may have melted into an ending: 달린 -> 달리, 달려 -> 달리, 해 -> 하."""
    initial, vowel, final = _parts(form[-1])
    found = []
    if final in {_FINAL_N, _FINAL_L, _FINAL_B, _FINAL_SS}:
        found.append(_syllable(initial, vowel))
    if final in {0, _FINAL_SS}:
        # ㅕ <- ㅣ, ㅘ <- ㅗ, ㅝ <- ㅜ, ㅐ <- ㅏ (하다), ㅓ <- ㅡ, ㅙ <- ㅚ
        melted = {6: 20, 9: 8, 14: 13, 1: 0, 4: 18, 10: 11}.get(vowel)
        if melted is not None:
            found.append(_syllable(initial, melted))
    return [form[:-1] + last for last in found]


@lru_cache(maxsize=4096)
def verb_stems(word: str) -> tuple[str, ...]:
    """Return every stem that ``word`` may be a form of, longest first; ``word`` itself included."""
    stems = {word}
    for ending in _ENDINGS:
        form = word.removesuffix(ending) if ending else word
        if not form or not is_hangul(form[-1]) or (ending and form == word):
            continue
        stems.add(form)
        stems.update(_uncontracted(form))
    return tuple(sorted(stems, key=lambda stem: (-len(stem), stem)))


def query_stem(word: str) -> str:
    """Return ``word`` without its particles as far as that is safe without a lexicon: 자동차가 -> 자동차.

    A rest of one syllable is taken only when it is a common noun (차가 -> 차, but not 사과 -> 사).
    """
    if word in _WHOLE or len(word) < 2:
        return word
    for particle in _BY_LENGTH:
        stem = word.removesuffix(particle)
        if stem == word or not _fits(stem, _PARTICLES[particle]):
            continue
        if len(stem) >= 2 or stem in _SHORT_NOUNS:
            return query_stem(stem) if len(stem) > 2 else stem
    return word


def with_particles(noun: str) -> tuple[str, ...]:
    """Return ``noun`` followed by each common particle that its sound allows: 차 -> 차가, 차를, …"""
    common = ("가", "이", "를", "을", "는", "은", "에", "도", "와", "과", "의", "로", "으로", "만", "랑", "야")
    return tuple(noun + particle for particle in common if _fits(noun, _PARTICLES[particle]))
