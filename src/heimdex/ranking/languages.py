"""Whether a model can read a text at all.

A model that never met a script maps every text in it to nearly the same vector: all of them look
alike, with high cosines. Better no answer from that channel than such a one.
"""

from __future__ import annotations

from collections.abc import Collection

from heimdex.ranking.korean import is_hangul


def can_read(languages: Collection[str], text: str) -> bool:
    """Return False when ``text`` is mostly Korean and the model does not know Korean.

    Args:
        languages: primary language tags such as ``en``; empty when the model does not say.
    """
    if not languages or "ko" in languages:
        return True
    letters = [character for character in text if character.isalpha()]
    korean = sum(is_hangul(character) for character in letters)
    return 2 * korean < len(letters) or korean == 0
