from __future__ import annotations

from heimdex.media.damage import Damage


def test_nothing_broken_is_nothing_to_tell() -> None:
    assert not Damage()


def test_broken_places_are_told_once_each() -> None:
    damage = Damage()
    for time_s in (1.0, 1.04, 1.8):
        damage.packet(time_s)
    damage.frame(9.0)

    assert damage
    assert damage.note() == ("damaged at 1.0 to 1.8 s, 9.0 s: 3 packets could not be read and 1 frame came out broken")


def test_a_file_that_is_broken_all_over_has_one_line() -> None:
    damage = Damage()
    for second in range(0, 9000, 3):
        damage.packet(float(second))

    assert damage.note() == (
        "damaged at 0.0 s, 3.0 s, 6.0 s, 9.0 s, 12.0 s and elsewhere: 3000 packets could not be read"
    )
