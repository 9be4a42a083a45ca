import os
import pickle
import urllib.error
import zipfile

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader

from mmdet_trash.engine.checkpoint import (
    check_fits,
    latest_checkpoint,
    load_local,
    load_url,
    trained_classes,
    use_safe_loaders,
)
from mmdet_trash.errors import InputError


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
    check_fits(MODEL, {"state_dict": MODEL.state_dict()}, "x")
    check_fits(MODEL, MODEL.state_dict(), "x")


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        ({"state_dict": torch.nn.Linear(2, 4).state_dict()}, r"weight has shape \(4, 2\), the config's is \(3, 2\)"),
        ({"state_dict": {"weight": torch.ones(3, 2)}}, "has no bias; is it of another config"),
    ],
)
def test_a_checkpoint_of_something_else_does_not(checkpoint, message):
    with pytest.raises(InputError, match=message):
        check_fits(MODEL, checkpoint, "x.pth")


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
