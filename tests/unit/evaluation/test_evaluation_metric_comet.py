"""COMET with a tiny checkpoint, loaded and run for real; skipped without unbabel-comet."""

from __future__ import annotations

import re

import numpy as np
import pytest

from routelmt_cli.errors import UsageError
from routelmt_cli.evaluation.metrics import open_metric

comet = pytest.importorskip("comet", reason="unbabel-comet (the extra 'comet') is not installed")

SOURCES = ["abc def", "xyz", "a longer source of words"]
HYPOTHESES = ["abc", "yz", "another hypothesis"]
REFERENCES = ["abc q", "x", "a reference"]


def write_checkpoint(folder, encoder, kind):
    """Write an untrained checkpoint as unbabel-comet's own training lays it out."""
    import pytorch_lightning
    import torch
    import yaml

    torch.manual_seed(0)
    model = kind(
        encoder_model="BERT",
        pretrained_model=str(encoder),
        load_pretrained_weights=False,
        local_files_only=True,
        hidden_sizes=[4],
    )
    (folder / "checkpoints").mkdir(parents=True)
    content = {
        "state_dict": model.state_dict(),
        "hyper_parameters": dict(model.hparams),
        "pytorch-lightning_version": pytorch_lightning.__version__,
    }
    torch.save(content, folder / "checkpoints" / "model.ckpt")
    (folder / "hparams.yaml").write_text(yaml.safe_dump(dict(model.hparams)), "utf-8")
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Write one checkpoint that uses references and one that does not."""
    from comet.models import ReferencelessRegression, RegressionMetric
    from transformers import BertConfig, BertTokenizerFast

    folder = tmp_path_factory.mktemp("comet")
    encoder = folder / "encoder"
    encoder.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    (encoder / "vocab.txt").write_text("\n".join(words), "utf-8")
    BertTokenizerFast(str(encoder / "vocab.txt")).save_pretrained(encoder)
    BertConfig(
        vocab_size=len(words),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    ).save_pretrained(encoder)
    write_checkpoint(folder / "with", encoder, RegressionMetric)
    write_checkpoint(folder / "without", encoder, ReferencelessRegression)
    return folder


def test_scores_are_those_of_the_checkpoint_in_points(checkpoints, capfd):
    path = checkpoints / "with" / "checkpoints" / "model.ckpt"
    metric = open_metric(f"comet:{path}")
    assert metric.needs_references
    scores = metric.score(SOURCES, HYPOTHESES, REFERENCES)
    assert capfd.readouterr().out == ""  # stdout is data
    columns = zip(SOURCES, HYPOTHESES, REFERENCES, strict=True)
    samples = [dict(zip(("src", "mt", "ref"), texts, strict=True)) for texts in columns]
    model = comet.load_from_checkpoint(str(path), local_files_only=True)
    expected = model.predict(samples, gpus=0, progress_bar=False)["scores"]
    np.testing.assert_allclose(scores, 100 * np.array(expected), rtol=1e-4)
    assert len(set(scores.tolist())) == 3
    alone = metric.score(SOURCES[:1], HYPOTHESES[:1], REFERENCES[:1])
    np.testing.assert_allclose(alone, scores[:1], rtol=1e-4)
    assert metric.score([], [], []).shape == (0,)
    with pytest.raises(ValueError, match="needs references"):
        metric.score(SOURCES, HYPOTHESES, None)
    with pytest.raises(ValueError, match="differ in length"):
        metric.score(SOURCES, HYPOTHESES, REFERENCES[:2])


def test_quality_estimation_needs_no_references(checkpoints):
    metric = open_metric(f"cometkiwi:{checkpoints / 'without'}")
    assert not metric.needs_references
    scores = metric.score(SOURCES, HYPOTHESES, None)
    assert scores.shape == (3,) and np.isfinite(scores).all()
    signature = metric.signature()
    assert re.fullmatch(
        r"COMETKiwi\|checkpoint:model.ckpt\|sha256:[0-9a-f]{64}\|scale:100\|version:[\d.]+",
        signature,
    )
    assert str(checkpoints) not in signature


def test_a_checkpoint_of_the_other_kind(checkpoints):
    with pytest.raises(UsageError, match="is not one of cometkiwi") as caught:
        open_metric(f"cometkiwi:{checkpoints / 'with'}")
    assert "--metric comet:" in caught.value.hint
    with pytest.raises(UsageError, match=r"is not one of comet$"):
        open_metric(f"comet:{checkpoints / 'without'}")


def test_checkpoints_that_are_not_there(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError, match="there is no such checkpoint"):
        open_metric(f"comet:{tmp_path / 'no.ckpt'}")
    with pytest.raises(UsageError, match="not in the local Hugging Face cache") as caught:
        open_metric("comet:nobody/no-such-model")
    assert "huggingface-cli download nobody/no-such-model" in caught.value.hint
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "model.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(UsageError, match=r"hparams\.yaml: cannot be read"):
        open_metric(f"comet:{tmp_path}")
    (tmp_path / "hparams.yaml").write_text("class_identifier: regression_metric\n", "utf-8")
    metric = open_metric(f"comet:{tmp_path}")
    with pytest.raises(UsageError, match="this checkpoint cannot be loaded"):
        metric.score(SOURCES, HYPOTHESES, REFERENCES)
