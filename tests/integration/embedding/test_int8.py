"""int8 copies of real graphs, made and measured here."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from heimdex.embedding.fidelity import measure_fidelity, probe_pictures, probe_texts
from heimdex.embedding.local import LocalEmbedder
from heimdex.embedding.precision import int8_file, quantise, read_note
from heimdex.embedding.shelf import verify_model
from heimdex.testing.tiny_models import write_tiny_clip


async def test_copies_are_made_measured_and_reported(tmp_path: Path) -> None:
    folder = write_tiny_clip(tmp_path / "tiny")
    before = (folder / "visual/model.onnx").read_bytes()
    assert (await verify_model(folder)).int8 == {}

    quantise(folder)
    found = await measure_fidelity(folder)

    assert (folder / "visual/model.onnx").read_bytes() == before
    assert int8_file(folder, "visual").read_bytes() != before
    assert -1 <= found["visual"].least_cosine <= found["visual"].mean_cosine <= 1 + 1e-5
    assert read_note(folder, LocalEmbedder(folder).model.revision) == found
    assert (await verify_model(folder)).int8 == found


async def test_fidelity_is_that_of_the_embeddings(tmp_path: Path) -> None:
    folder = write_tiny_clip(tmp_path / "tiny")
    quantise(folder)
    found = await measure_fidelity(folder)

    exact, quick = LocalEmbedder(folder, precision="fp32"), LocalEmbedder(folder, precision="int8")
    seen, again = [await e.embed_images(probe_pictures(), timeout_s=60) for e in (exact, quick)]
    read = await exact.embed_texts(probe_texts(), timeout_s=60)

    cosines = (seen * again).sum(axis=1)
    np.testing.assert_allclose(found["visual"].least_cosine, cosines.min(), atol=1e-5)
    stay = [
        len(set(np.argsort(-one, kind="stable")[:10]) & set(np.argsort(-other, kind="stable")[:10])) / 10
        for one, other in zip(read @ seen.T, read @ again.T, strict=True)
    ]
    np.testing.assert_allclose(found["visual"].overlap, np.mean(stay), atol=0.02)
