"""Checkpoints that hold modules of code that is not there."""

import pickle

import pytest
import torch

from mmdet_trash.engine.pickled_weights import load_pickled_weights
from mmdet_trash.errors import InputError
from tests.release_files import save_release


class Evil:
    def __reduce__(self):
        return (eval, ("__import__('pathlib').Path('executed').touch()",))


WEIGHTS = {
    "model.0.conv.weight": torch.rand(4, 3, 3, 3, generator=torch.Generator().manual_seed(0)),
    "model.0.bn.running_mean": torch.tensor([0.1, 0.2, 0.3, 0.4]),
    "model.0.bn.num_batches_tracked": torch.tensor(7),
}


def test_a_models_weights_are_found_in_single_precision(tmp_path):
    found = load_pickled_weights(save_release(WEIGHTS, tmp_path / "release.pt"))
    assert found.keys() == WEIGHTS.keys()
    for key, value in WEIGHTS.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value.half().float() if value.is_floating_point() else value)


def test_of_two_models_the_average_is_taken(tmp_path):
    average = {**WEIGHTS, "model.0.conv.weight": torch.full((4, 3, 3, 3), 2.0)}
    found = load_pickled_weights(save_release(WEIGHTS, tmp_path / "release.pt", average))
    assert (found["model.0.conv.weight"] == 2).all()


@pytest.mark.parametrize("content", [WEIGHTS, {"state_dict": WEIGHTS}, {"model": WEIGHTS, "ema": None}])
def test_weights_alone_are_read_too(content, tmp_path):
    torch.save(content, tmp_path / "weights.pt")
    assert load_pickled_weights(str(tmp_path / "weights.pt")).keys() == WEIGHTS.keys()


def test_nothing_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Evil(), "weights": torch.zeros(1)}, "evil.pt")
    with pytest.raises(InputError):
        load_pickled_weights("evil.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no checkpoint of torch 1.6 or later, or cut short"),
        (b"no pickle", "no checkpoint of torch 1.6 or later, or cut short"),
        (pickle.dumps({"a": 1}), "no checkpoint of torch 1.6 or later, or cut short"),
    ],
)
def test_a_file_that_is_none_is_one_line(content, message, tmp_path):
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_pickled_weights(str(path))
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


def test_a_missing_file_and_one_without_weights_are_one_line(tmp_path):
    with pytest.raises(InputError, match=r"none\.pt: no such checkpoint"):
        load_pickled_weights(str(tmp_path / "none.pt"))
    with pytest.raises(InputError, match="holds no model and no weights"):
        torch.save({"epoch": 1}, tmp_path / "epoch.pt")
        load_pickled_weights(str(tmp_path / "epoch.pt"))
