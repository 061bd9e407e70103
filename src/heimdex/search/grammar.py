"""The query language: what a query asks to be seen, said, left out, and followed by what.

    red car                                  plain words: seen or said
    see:confetti    says:"cheers"            one side only; also 화면: and 대사:
    beach without people    사람 없는 해변     less of what shows it, nothing that says it
    says:"cheers" then see:confetti within 20s

A sentence may hold these words by chance, so each must look like what it means: ``then`` counts
beside a prefix, a quotation or ``within``; ``without`` beside something visible where nobody
speaks. Everything else is plain words, and no query is an error. `docs/query-language.md`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from heimdex.domain.query import Channel, Intent, Mode, Prior, Router
from heimdex.ports import WordQuery
from heimdex.ranking.intent import route
from heimdex.ranking.korean import query_stem
from heimdex.ranking.signals import find_signals, spoken_part
from heimdex.ranking.tokens import index_terms, query_phrases, quoted_phrases, stop_words, words_of
from heimdex.ranking.vocabulary import vocabulary

#: seconds between two sides when the query does not say
DEFAULT_WITHIN_S = 60.0
MAX_WITHIN_S = 3600.0
MAX_SIDES = 4
_MAX_UNWANTED = 4
_MAX_UNWANTED_WORDS = 4

_QUOTED = re.compile(r'"[^"]+"|\u201c[^\u201d]+\u201d|\u300c[^\u300d]+\u300d|\u00ab[^\u00bb]+\u00bb')
_THEN = re.compile(
    r"(?:\s*,)?(?:\s+and)?\s+(?:then|followed\s+by|(?:그\s+)?(?:다음에|후에)|그\s+뒤에|그(?:리|러)고\s+나서)(?=[\s,])",
    re.IGNORECASE,
)
_AMOUNT = r"(\d{1,6}(?:\.\d{1,3})?)\s*(seconds?|secs?|s|minutes?|mins?|m|초|분)"
_WITHIN_AFTER = re.compile(rf"\s+(?:within\s+{_AMOUNT}|{_AMOUNT}\s*(?:안에|이내에?))\s*$", re.IGNORECASE)
_WITHIN_BEFORE = re.compile(rf"^\s*(?:within\s+{_AMOUNT}|{_AMOUNT}\s*(?:안에|이내에?))\s+", re.IGNORECASE)
_PREFIX = re.compile(r"(?<!\S)(?:(see|seen|화면)|(says?|said|대사)):(?=\S)", re.IGNORECASE)
_WITHOUT = re.compile(r"\s+without\s+", re.IGNORECASE)
_LISTED = re.compile(r"\s*,\s*(?:(?:or|and)\s+)?|\s+(?:or|and)\s+", re.IGNORECASE)
_KOREAN_WITHOUT = re.compile(
    r"^(?P<before>.*?)(?P<unwanted>[가-힣]+)\s+(?:없는|없이|빼고|제외하고)(?:\s+(?P<after>.+))?$"
)
_KOREAN_AND = re.compile(r"^([가-힣]+?)(?:와|과|이랑|랑|하고|이나|나|,)$")
_NOT_SEEN, _NOT_SAID = "the query asks for words only", "the query asks for the picture only"


@dataclass(frozen=True, slots=True)
class Clause:
    """One side of a query. An empty text restricts the side to the other kind of evidence."""

    #: for CLIP
    seen: str
    #: for the words and their meaning
    said: str
    #: plain words decide the mode; empty when a prefix has decided
    routed: str
    unwanted_seen: tuple[str, ...] = ()
    unwanted_said: tuple[str, ...] = ()

    def intent(self, router: Router) -> Intent:
        """Return what the router decides, or what the prefixes have decided already."""
        if self.routed:
            return route(self.routed, router)
        if not self.seen:
            return Intent(Mode.SKIP, 1.0, "Asked for: says", Prior(0.0, 1.0, 0.0))
        if not self.said:
            return Intent(Mode.RECALL, 1.0, "Asked for: see", Prior(1.0, 0.0, 0.0))
        return Intent(Mode.RECALL, 1.0, "Asked for: see and says", Prior(0.0, 0.0, 1.0))

    @property
    def words(self) -> WordQuery:
        """Return what the transcripts are searched for."""
        excluded = [phrase for text in self.unwanted_said for phrase in _excluded(text)]
        return WordQuery(query_phrases(self.spoken), quoted_phrases(self.said), tuple(excluded))

    @property
    def spoken(self) -> str:
        """Return what should be heard."""
        return spoken_part(self.said) if self.said else ""

    @property
    def restricted(self) -> dict[Channel, str]:
        """Return the channels that the query itself excludes, with the reason."""
        if not self.seen:
            return {Channel.VISUAL: _NOT_SEEN}
        if not self.said:
            return dict.fromkeys((Channel.TRANSCRIPT, Channel.SUMMARY, Channel.LEXICAL), _NOT_SAID)
        return {}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A query, read. ``within_s[i]`` is the most time between the sides ``i`` and ``i + 1``."""

    sides: tuple[Clause, ...]
    within_s: tuple[float, ...] = field(default=())


def parse(query: str) -> Parsed:
    """Read any text; never raises. What is no grammar is one side of plain words, the query as it is."""
    return _sequence(query) or Parsed((_clause(query) or _plain(query),))


def _excluded(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the phrases that must not be said: the forms of a word, or several words in a row."""
    return query_phrases(text) if len(words_of(text)) == 1 else (tuple(index_terms(text)),)


def _plain(text: str) -> Clause:
    return Clause(text, text, text)


def _masked(text: str) -> str:
    """Return ``text`` with quotations blanked out, so that places stay: what is quoted is no grammar."""
    return _QUOTED.sub(lambda match: "\x00" * len(match.group()), text)


def _sequence(query: str) -> Parsed | None:
    marks = [match.span() for match in _THEN.finditer(_masked(query))]
    if not marks or len(marks) >= MAX_SIDES:
        return None
    starts, ends = [0, *(end for _, end in marks)], [*(start for start, _ in marks), len(query)]
    texts = [query[start:end].strip(" ,") for start, end in zip(starts, ends, strict=True)]
    timed = [_taken(text) for text in texts[1:]]
    sides = [texts[0].strip(), *(text for text, _ in timed)]
    if not all(sides) or not all(re.search(r"\w", side) for side in sides):
        return None
    explicit = any(_PREFIX.search(_masked(side)) or _QUOTED.fullmatch(side) for side in sides)
    if not explicit and all(seconds is None for _, seconds in timed):
        return None
    within = tuple(DEFAULT_WITHIN_S if seconds is None else seconds for _, seconds in timed)
    return Parsed(tuple(_clause(side) or _plain(side) for side in sides), within)


def _taken(text: str) -> tuple[str, float | None]:
    """Return a side without its ``within 20s``, and the seconds."""
    masked = _masked(text)
    match = _WITHIN_AFTER.search(masked) or _WITHIN_BEFORE.search(masked)
    if match is None:
        return text.strip(), None
    amount, unit = [group for group in match.groups() if group]
    seconds = float(amount) * (60.0 if unit.lower().startswith(("m", "분")) else 1.0)
    return (text[: match.start()] + text[match.end() :]).strip(), min(seconds, MAX_WITHIN_S)


def _clause(text: str) -> Clause | None:
    """Return what a side means when it has any grammar, else None."""
    head, unwanted = _without(text)
    clause = _prefixed(head) or (_plain(head) if unwanted else None)
    if clause is None or not unwanted:
        return clause
    seen: list[str] = []
    said: list[str] = []
    for each in unwanted:
        part = _prefixed(each)
        quoted = _QUOTED.fullmatch(each) is not None
        seen += [] if quoted or (part and not part.seen) else [part.seen if part else each]
        said += [] if part and not part.said else [_bare(part.said if part else each)]
    return replace(clause, unwanted_seen=tuple(seen), unwanted_said=tuple(said))


def _prefixed(text: str) -> Clause | None:
    """Return the meaning of ``see:`` and ``says:``; a prefix reaches to the next one, or over its quotation."""
    marks = list(_PREFIX.finditer(_masked(text)))
    if not marks:
        return None
    plain = [text[: marks[0].start()]]
    seen: list[str] = []
    said: list[str] = []
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        value = text[mark.end() : end]
        if not re.search(r"\w", value):
            return None
        if quotation := _QUOTED.match(value):
            plain.append(value[quotation.end() :])
            value = quotation.group()
        if mark.group(1):
            seen.append(_bare(value))
        else:
            said.append(value.strip())
    rest = " ".join(" ".join(plain).split())
    return Clause(" ".join([rest, *seen]).strip(), " ".join(said) or rest, "")


def _without(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the text without what it does not want, and that; the text as it is when it only seems to say so."""
    masked = _masked(text)
    marks = list(_WITHOUT.finditer(masked))
    if not marks:
        return _korean_without(text, masked)
    head = text[: marks[0].start()].strip()
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    unwanted: list[str] = []
    for mark, end in zip(marks, ends, strict=True):
        unwanted += _parts(text[mark.end() : end])
    if not head or not 0 < len(unwanted) <= _MAX_UNWANTED or not _means_absence(head, unwanted):
        return text, ()
    return head, tuple(unwanted)


def _parts(text: str) -> list[str]:
    """Return the things of a list: ``people, cars or dogs``."""
    cuts = [match.span() for match in _LISTED.finditer(_masked(text))]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    return [part for start, end in zip(starts, ends, strict=True) if (part := text[start:end].strip(" .!?"))]


def _korean_without(text: str, masked: str) -> tuple[str, tuple[str, ...]]:
    match = _KOREAN_WITHOUT.match(masked)
    if match is None:
        return text, ()
    after = text[match.start("after") :] if match.group("after") else ""
    head = text[: match.end("before")]
    listed, head = _listed_before(head, after)
    unwanted = [*listed, query_stem(match.group("unwanted"))]
    return (head, tuple(unwanted)) if head and _means_absence(head, unwanted) else (text, ())


def _listed_before(before: str, after: str) -> tuple[list[str], str]:
    """Return what is unwanted too (``자동차와 사람 없는 거리``), and the rest: head of the side.

    A word that ends like a particle but is a thing itself (바나나, a banana) is none of these.
    """
    words = before.split()
    listed: list[str] = []
    known = vocabulary("ko").runs
    while words and (match := _KOREAN_AND.match(words[-1])) and len(listed) < _MAX_UNWANTED - 1:
        if (words[-1],) in known or (match.group(1),) not in known:
            break
        listed.insert(0, match.group(1))
        words.pop()
    return listed, " ".join([*words, *after.split()])


def _means_absence(head: str, unwanted: list[str]) -> bool:
    """Return whether ``without`` leaves something out of a picture: `live without you` does not."""
    plain = [each for each in unwanted if not _PREFIX.match(each) and not _QUOTED.fullmatch(each)]
    if not plain:
        return bool(re.search(r"\w", head))
    for each in plain:
        words = words_of(each)
        if not 0 < len(words) <= _MAX_UNWANTED_WORDS or all(word in stop_words() for word in words):
            return False
    if _PREFIX.search(_masked(head)):
        return True
    signals = find_signals(" ".join([head, *plain]))
    return signals.speech == 0 and signals.visual > 0


def _bare(text: str) -> str:
    """Return ``text`` without quotation marks around it."""
    text = text.strip()
    return text[1:-1].strip() if _QUOTED.fullmatch(text) else text
