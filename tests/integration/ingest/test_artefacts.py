from __future__ import annotations

from pathlib import Path

from heimdex.domain.media import DecodedVideo
from heimdex.ingest.artefacts import Artefacts
from heimdex.testing.decoder import ScriptedDecoder

SHA = "ab" * 32


def keep(artefacts: Artefacts, settings: str = "s1", scenes: int = 2) -> DecodedVideo:
    with artefacts.staging() as staged:
        decoded = ScriptedDecoder(scenes).decode(Path("x.mp4"), staged, on_progress=lambda _: None)
        return artefacts.keep(staged, decoded, SHA, settings)


def test_a_result_is_kept_under_its_content_and_settings(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    kept = keep(artefacts)

    assert artefacts.load(SHA, "s1") == kept
    assert artefacts.load(SHA, "s2") is None
    images = [k.image for scene in kept.scenes for k in scene.keyframes]
    assert images[0] == Path("ab") / SHA / "s1" / "000000-1.jpg"
    assert all((tmp_path / image).is_file() for image in images)
    assert list((tmp_path / ".staging").iterdir()) == []


def test_a_damaged_result_is_none_and_is_replaced(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    kept = keep(artefacts)
    (tmp_path / kept.scenes[0].keyframes[0].image).unlink()
    assert artefacts.load(SHA, "s1") is None

    assert keep(artefacts) == kept == artefacts.load(SHA, "s1")
    (artefacts.folder(SHA, "s1") / "decoded.json").write_text("{")
    assert artefacts.load(SHA, "s1") is None


def test_results_of_former_settings_go_when_new_ones_are_published(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    keep(artefacts, "s1")
    keep(artefacts, "s2")
    artefacts.drop_others(SHA, "s2")

    assert artefacts.load(SHA, "s1") is None
    assert artefacts.load(SHA, "s2") is not None


def test_staging_folders_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    with artefacts.staging() as alive:
        dead = alive.with_name("dead")
        dead.mkdir()
        (dead / "half.jpg").touch()
        dead.with_name("dead.lock").touch()

        assert artefacts.sweep() == 1
        assert alive.is_dir()
        assert not dead.exists()
    assert not alive.exists()


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    artefacts = Artefacts(tmp_path)
    try:
        with artefacts.staging() as staged:
            (staged / "x").touch()
            raise RuntimeError
    except RuntimeError:
        pass

    assert list((tmp_path / ".staging").iterdir()) == []
