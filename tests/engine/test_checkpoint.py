import os
import pickle
import re
import urllib.error
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from mmdet_trash.engine.checkpoint import (
    latest_checkpoint,
    load_local,
    load_url,
    load_weights,
    trained_classes,
    use_safe_loaders,
)
from mmdet_trash.errors import InputError
from tests.models.tiny_detectors import build, tiny_cfg, without_supervision
from tests.release_files import save_release


def test_what_mmengine_saves_is_loaded(tmp_path):
    history = HistoryBuffer([0.5, np.float64(0.25)], [1, 1])
    saved = {
        "state_dict": {"w": torch.ones(2)},
        "meta": {"epoch": 3},
        "message_hub": {"log_scalars": {"loss": history}},
    }
    torch.save(saved, tmp_path / "a.pth")
    loaded = load_local(str(tmp_path / "a.pth"))
    assert torch.equal(loaded["state_dict"]["w"], torch.ones(2))
    assert loaded["message_hub"]["log_scalars"]["loss"].data[0].tolist() == [0.5, 0.25]


class Attack:
    """An object whose unpickling calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (lambda path: Attack(os.mkdir, path), "mkdir"),
        (lambda path: Attack(getattr, HistoryBuffer, "__init__"), "getattr"),
        (lambda path: Attack(getattr, Attack(getattr, HistoryBuffer, "update"), "__globals__"), "getattr"),
    ],
)
def test_nothing_in_a_checkpoint_is_executed(tmp_path, attack, named):
    torch.save({"state_dict": {}, "extra": attack(str(tmp_path / "made"))}, tmp_path / "bad.pth")
    with pytest.raises(InputError, match=rf"bad\.pth: not loaded, since it holds more than weights: .*{named}"):
        load_local(str(tmp_path / "bad.pth"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps({"a": 1})[:5]])
def test_a_file_that_is_no_checkpoint_is_one_line(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.pth: not") as error:
        load_local(str(tmp_path / "bad.pth"))
    assert "\n" not in str(error.value)


def test_half_a_checkpoint_is_one_line(tmp_path):
    torch.save({"state_dict": {"w": torch.ones(5000)}}, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"half\.pth: not a whole checkpoint") as error:
        load_local(str(tmp_path / "half.pth"))
    assert "\n" not in str(error.value)


def test_a_missing_checkpoint_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such checkpoint"):
        load_local(str(tmp_path / "none.pth"))


def test_without_a_network_one_line_says_what_to_do(monkeypatch):
    def refuse(*_, **__):
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    with pytest.raises(InputError, match=r"resnet50\.pth: cannot be fetched \(no route\); .*--from-scratch"):
        load_url("https://example.org/resnet50.pth")


def test_the_weights_of_a_released_model_are_taken(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    weights = {"model.0.conv.weight": torch.ones(2, 3, 1, 1)}
    path = save_release(weights, tmp_path / "yolov7.pt")
    for loaded in (load_local(path), load_url(f"file://{path}")):
        assert loaded["state_dict"].keys() == weights.keys()
        assert torch.equal(loaded["state_dict"]["model.0.conv.weight"], torch.ones(2, 3, 1, 1))


def test_what_was_fetched_and_is_no_checkpoint_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    (tmp_path / "page.pth").write_text("<html>log in</html>")
    with pytest.raises(InputError, match=r"page\.pth: what was fetched is no checkpoint"):
        load_url(f"file://{tmp_path}/page.pth")


def test_the_latest_checkpoint_is_the_last_one_written(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    earlier_run, last = "epoch_12.pth", "epoch_10.pth"
    names = (earlier_run, "epoch_9.pth", last, "epoch_final.pth", "best_mAP50_epoch_11.pth", ".epoch_13.pth.x")
    for time, name in enumerate(names):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    assert latest_checkpoint(tmp_path).name == last


MODEL = torch.nn.Linear(2, 3)


def test_a_checkpoint_of_the_model_fits():
    load_weights(MODEL, {"state_dict": MODEL.state_dict()}, "x")
    load_weights(MODEL, MODEL.state_dict(), "x")


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ({"state_dict": torch.nn.Linear(2, 4).state_dict()}, r"size mismatch for weight: .*4, 2.*3, 2.*config or"),
        ({"state_dict": {"weight": torch.ones(3, 2)}}, "has no bias; is it of another config"),
    ],
)
def test_a_checkpoint_of_something_else_does_not(checkpoint, message):
    with pytest.raises(InputError, match=message):
        load_weights(MODEL, checkpoint, "x.pth")


def test_a_checkpoint_says_its_classes_or_not():
    assert trained_classes({"meta": {"dataset_meta": {"classes": ["a", "b"]}}}) == ("a", "b")
    assert trained_classes({"meta": None}) is trained_classes({"state_dict": {}}) is None


@pytest.mark.parametrize("core", ["core", "_core"])
def test_numbers_of_numpy_1_and_2_are_loaded(tmp_path, core):
    torch.save({"loss": np.float64(0.5), "losses": np.arange(3.0)}, tmp_path / "new.pth")
    with zipfile.ZipFile(tmp_path / "new.pth") as new, zipfile.ZipFile(tmp_path / "old.pth", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            old.writestr(name, content.replace(b"numpy._core.", f"numpy.{core}.".encode()))
    loaded = load_local(str(tmp_path / "old.pth"))
    assert loaded["loss"] == 0.5 and loaded["losses"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("content", [torch.ones(3), [1, 2]])
def test_what_is_no_dict_is_no_checkpoint(tmp_path, content):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(InputError, match="a dict of weights is right"):
        load_local(str(tmp_path / "a.pth"))


@pytest.mark.parametrize("name", ["torchvision://resnet50", "open-mmlab://detectron2/resnet50_caffe", "s3://b/a.pth"])
def test_schemes_that_would_load_unsafely_are_refused(name):
    use_safe_loaders()
    with pytest.raises(InputError, match="give the URL or the path of the file itself"):
        CheckpointLoader.load_checkpoint(name)


AUTHORS_KEYS = {
    "neck.rfa.convs.": "neck.high_lateral_conv.",
    "neck.rfa.fusion.squeeze.": "neck.high_lateral_conv_attention.0.",
    "neck.rfa.fusion.attention.": "neck.high_lateral_conv_attention.2.",
    "bbox_roi_extractor.fusion.squeeze.": "bbox_roi_extractor.spatial_attention_conv.0.",
    "bbox_roi_extractor.fusion.attention.": "bbox_roi_extractor.spatial_attention_conv.2.",
}


def under_the_authors_keys(weights):
    def renamed(key):
        for ours, theirs in AUTHORS_KEYS.items():
            key = key.replace(ours, theirs)
        return key

    return {renamed(key): value for key, value in weights.items()}


@pytest.mark.parametrize("kind", ["faster", "cascade", "retina"])
def test_a_checkpoint_fits_with_and_without_consistent_supervision(kind):
    cfg = tiny_cfg(kind)
    model, without = build(cfg), build(without_supervision(cfg))
    load_weights(model, {"state_dict": without.state_dict()}, "x")
    load_weights(without, {"state_dict": model.state_dict()}, "x")
    model.load_state_dict(without.state_dict(), strict=True)


def test_an_auxiliary_head_of_another_shape_does_not_fit():
    model, other = build(tiny_cfg("retina")), build(tiny_cfg("retina", bbox_head={"fc_out_channels": 24}))
    with pytest.raises(InputError, match=r"x\.pth: size mismatch for bbox_head\.consistent_supervision\.") as error:
        load_weights(model, {"state_dict": other.state_dict()}, "x.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("missing", ["neck.rfa.convs.0.weight", "bbox_head.retina_cls.weight"])
def test_a_checkpoint_without_another_part_of_the_model_does_not_fit(missing):
    model = build(tiny_cfg("retina"))
    weights = {key: value for key, value in model.state_dict().items() if key != missing}
    with pytest.raises(InputError, match=rf"x\.pth: has no {re.escape(missing)}") as error:
        load_weights(model, {"state_dict": weights}, "x.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["faster", "retina"])
def test_a_checkpoint_under_the_authors_keys_fits_and_loads(kind):
    model, other = build(tiny_cfg(kind)), build(tiny_cfg(kind), seed=1)
    weights = under_the_authors_keys(model.state_dict())
    keys = list(weights)
    assert "neck.high_lateral_conv.0.weight" in keys and not any(".rfa." in key for key in keys)
    load_weights(other, {"state_dict": weights}, "x")
    assert list(weights) == keys, "what was given to check is left as it is"
    other.load_state_dict(weights, strict=True)
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in other.state_dict().items())


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("neck.high_lateral_conv.1.weight", "has no"),
        ("roi_head.bbox_roi_extractor.spatial_attention_conv.2.bias", "has no"),
        ("neck.high_lateral_conv.1.bias", "size mismatch for neck.rfa.convs.1.bias"),
    ],
)
def test_a_checkpoint_under_the_authors_keys_is_checked_as_ours_is(key, message):
    model = build(tiny_cfg("faster"))
    weights = under_the_authors_keys(model.state_dict())
    if message == "has no":
        del weights[key]
    else:
        weights[key] = torch.zeros(3)
    with pytest.raises(InputError, match=rf"x\.pth: .*{message}") as error:
        load_weights(model, {"state_dict": weights}, "x.pth")
    assert "\n" not in str(error.value)


def test_weights_of_an_augmented_model_do_not_pass_for_a_plain_ones():
    cfg = tiny_cfg("faster")
    weights = build(cfg).state_dict()
    cfg.neck.pool_ratios = ()
    with pytest.raises(InputError, match=r"x\.pth: has neck\.rfa\.\S+, which the config's model has not"):
        load_weights(build(cfg), {"state_dict": weights}, "x.pth")
