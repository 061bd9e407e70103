"""What is told about scenes, at publication and after it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from heimdex.domain.media import Keyframe, Scene, Segment, Span
from heimdex.ingest.telling import CAPTION, Describer, told_of_scenes, within
from heimdex.testing.catalogue import InMemoryCatalogue
from heimdex.testing.embedder import WordEmbedder
from heimdex.testing.library import described, made_up_video

SCENES = [Scene(Span(n * 5.0, n * 5.0 + 5), (Keyframe(n * 5.0 + 2, 1.0, Path("a.jpg")),)) for n in range(3)]


def tell(start: float, end: float, text: str, source: str = "chapter") -> Segment:
    return Segment(Span(start, end), text, source)


def test_a_chapter_is_told_in_each_of_its_scenes_and_the_whole_at_the_first() -> None:
    told = told_of_scenes(SCENES, [tell(0, 10, "Breakfast"), tell(10, 15, "Leaving"), tell(0, 1e9, "Our holiday")])

    assert told == ["Our holiday Breakfast", "Breakfast", "Leaving"]
    assert told_of_scenes(SCENES[:1], [tell(0, 99, "Our holiday")]) == ["Our holiday"]
    assert told_of_scenes(SCENES, []) == ["", "", ""]


def test_descriptions_end_with_the_video() -> None:
    assert within([tell(0, 1e9, "all"), tell(20, 30, "behind the end")], 15.0) == (tell(0, 15, "all"),)


async def test_captions_take_the_place_of_captions_and_of_nothing_else() -> None:
    catalogue = InMemoryCatalogue()
    video = described(made_up_video(["", "", ""], meaning_model=None), ["Breakfast", "", ""])
    await catalogue.publish(video)
    describer = Describer(catalogue, WordEmbedder())
    assert await describer.describe(video.video_id, CAPTION, [tell(5, 10, "a dog"), tell(10, 15, " ")]) == 2
    assert await describer.describe(video.video_id, CAPTION, [tell(10, 15, "a cat")]) == 2

    scenes = catalogue.videos[video.video_id].scenes
    assert [scene.description for scene in scenes] == ["Breakfast", "", "a cat"]
    assert [scene.told is not None for scene in scenes] == [True, False, True]
    assert [(d.text, d.source) for d in catalogue.videos[video.video_id].descriptions] == [
        ("Breakfast", "sidecar"), ("a cat", CAPTION),
    ]  # fmt: skip


async def test_without_a_model_of_text_the_words_are_there() -> None:
    catalogue = InMemoryCatalogue()
    video = replace(made_up_video(["", ""]), meaning_model=None)
    await catalogue.publish(video)
    await Describer(catalogue, None).describe(video.video_id, CAPTION, [tell(0, 5, "a dog")])

    assert [(s.description, s.told) for s in catalogue.videos[video.video_id].scenes] == [("a dog", None), ("", None)]
