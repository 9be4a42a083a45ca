"""Averages of checkpoints against PyTorch's `AveragedModel`, NumPy in float64 and MMEngine's `EMAHook`."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.hooks import EMAHook
from torch import nn
from torch.optim.swa_utils import AveragedModel

from mmdet_trash.engine.averaging import average_checkpoints, shares_of, write_checkpoint
from mmdet_trash.engine.checkpoint import load_local, load_weights
from mmdet_trash.errors import InputError

CLASSES = ("Paper", "Glass")


def network(seed):
    """A convolution and a batch norm, both of random values; the norm has seen `seed` batches."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    for _ in range(seed):
        model(torch.randn(2, 3, 8, 8))
    for weight in model.parameters():
        nn.init.normal_(weight)
    return model


@pytest.fixture
def save(tmp_path):
    """Save weights as a training leaves them, with its other records; gives the path."""

    def write(name, weights, classes=CLASSES, **records):
        meta = {"epoch": 3, "cfg": "a = 1", "dataset_meta": {"classes": classes, "palette": [(1, 2, 3), (4, 5, 6)]}}
        others = {"optimizer": {"state": {0: torch.ones(1000)}}, "param_schedulers": [], "message_hub": {}}
        torch.save({"meta": meta, "state_dict": weights, **others, **records}, tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.fixture
def three(save):
    """Three networks and their checkpoints."""
    models = [network(seed) for seed in (1, 2, 3)]
    return models, [save(f"epoch_{i}.pth", model.state_dict()) for i, model in enumerate(models, 1)]


def test_the_mean_is_that_of_pytorchs_averaged_model(three):
    models, paths = three
    averaged = AveragedModel(models[0], use_buffers=True)
    for model in models:
        averaged.update_parameters(model)
    expected = averaged.module.state_dict()
    found = average_checkpoints(paths)["state_dict"]
    assert list(found) == list(expected)
    for name, tensor in found.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weights", [(1, 2, 5), (0.1, 0.0, 0.3), (1e-3, 1e3, 1)])
def test_the_weighted_mean_is_numpys_in_float64(three, weights):
    models, paths = three
    states = [model.state_dict() for model in models]
    for name, tensor in average_checkpoints(paths, weights)["state_dict"].items():
        if tensor.is_floating_point():
            stack = np.stack([state[name].double().numpy() for state in states])
            expected = np.average(stack, axis=0, weights=weights).astype(np.float32)
            np.testing.assert_array_max_ulp(tensor.numpy(), expected, maxulp=1)


def test_sums_are_kept_in_float64(save):
    """In their own precision the large numbers would swallow the small one, or overflow."""
    values = {"a": (1e8, 1.0, -1e8), "b": (60000.0, 60000.0, 60000.0)}
    states = [
        {"a": torch.tensor([values["a"][i]]), "b": torch.tensor([values["b"][i]], dtype=torch.float16)}
        for i in range(3)
    ]
    found = average_checkpoints([save(f"{i}.pth", state) for i, state in enumerate(states)])["state_dict"]
    assert found["a"].dtype == torch.float32 and found["a"].item() == pytest.approx(1 / 3)
    assert found["b"].dtype == torch.float16 and found["b"].item() == 60000


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_keep_their_dtype(save, dtype):
    paths = [save(f"{i}.pth", {"a": torch.full((2,), float(i), dtype=dtype)}) for i in (1, 2)]
    assert torch.equal(average_checkpoints(paths)["state_dict"]["a"], torch.full((2,), 1.5, dtype=dtype))


def test_counts_are_those_of_the_last(three):
    _, paths = three
    for order, last in ((paths, 3), (paths[::-1], 1)):
        count = average_checkpoints(order, [1, 1, 0])["state_dict"]["1.num_batches_tracked"]
        assert count.dtype == torch.int64 and count.item() == last


def test_only_the_ratio_of_weights_counts_and_zero_leaves_one_out(three):
    _, paths = three
    for ours, same in (((2, 6, 0), (0.25, 0.75, 0)), ((1, 3), (1e-300, 3e-300))):
        found, expected = (average_checkpoints(paths[: len(w)], w)["state_dict"] for w in (ours, same))
        assert all(torch.equal(found[name], expected[name]) for name in found)
    without = average_checkpoints([paths[0], paths[2]])["state_dict"]
    found = average_checkpoints(paths, [1, 0, 1])["state_dict"]
    assert all(torch.equal(found[name], without[name]) for name in found)


def test_a_slim_copy_holds_the_same_weights_and_little_else(save, tmp_path):
    model = network(2)
    model[0].weight.data.view(-1)[:3] = torch.tensor([-0.0, 1e-42, 3.4e38])
    path = save("whole.pth", model.state_dict())
    write_checkpoint(average_checkpoints([path]), tmp_path / "slim.pth")
    slim = load_local(str(tmp_path / "slim.pth"))
    palette = [(1, 2, 3), (4, 5, 6)]
    assert set(slim) == {"meta", "state_dict"}
    assert slim["meta"] == {"dataset_meta": {"classes": CLASSES, "palette": palette}}
    for name, tensor in model.state_dict().items():
        assert slim["state_dict"][name].numpy().tobytes() == tensor.numpy().tobytes(), name
    assert slim["state_dict"]._metadata == model.state_dict()._metadata, "versions of modules, for their own loading"
    load_weights(network(1), slim, "slim.pth")


def test_the_file_has_no_more_than_its_tensors(save, tmp_path):
    """A tensor that is a part of a large one would take all of it along."""
    path = save("whole.pth", {"a": torch.zeros(1_000_000)[:10], "n": torch.zeros(1_000_000, dtype=torch.int64)[:10]})
    write_checkpoint(average_checkpoints([path]), tmp_path / "slim.pth")
    assert (tmp_path / "slim.pth").stat().st_size < 5000


def test_the_same_checkpoints_give_the_same_bytes(three, tmp_path):
    for name in ("a.pth", "b.pth"):
        write_checkpoint(average_checkpoints(three[1]), tmp_path / name)
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "b.pth").read_bytes()


@pytest.mark.parametrize("update_buffers", [True, False])
def test_of_a_training_with_ema_both_sets_of_weights_come_out(save, update_buffers):
    model = network(1)
    hook = EMAHook(momentum=0.1, update_buffers=update_buffers)
    runner = SimpleNamespace(model=model, iter=0)
    hook.before_run(runner)
    for _ in range(3):
        for weight in model.parameters():
            nn.init.normal_(weight)
        model(torch.randn(2, 3, 8, 8))
        hook.after_train_iter(runner, 0)
    average = {name: tensor.clone() for name, tensor in hook.ema_model.module.state_dict().items()}
    trained = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    saved = {"state_dict": model.state_dict()}
    hook.before_save_checkpoint(runner, saved)
    path = save("ema.pth", saved["state_dict"], ema_state_dict=saved["ema_state_dict"])

    assert not torch.equal(average["0.weight"], trained["0.weight"])
    for raw, expected in ((False, average), (True, trained)):
        checkpoint = average_checkpoints([path], raw=raw)
        assert set(checkpoint) == {"meta", "state_dict"}
        found = checkpoint["state_dict"]
        assert list(found) == list(expected)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert found._metadata == model.state_dict()._metadata


def test_weights_without_records_are_averaged_too(tmp_path):
    for i in (1, 3):
        torch.save({"a": torch.tensor([float(i)])}, tmp_path / f"{i}.pth")
    found = average_checkpoints([str(tmp_path / "1.pth"), str(tmp_path / "3.pth")])
    assert found == {"meta": {}, "state_dict": {"a": torch.tensor([2.0])}}


def test_a_file_named_twice_counts_twice_and_is_warned_of(three, tmp_path, caplog):
    _, paths = three
    (tmp_path / "last.pth").symlink_to("epoch_2.pth")
    with caplog.at_level(logging.WARNING, logger="mmdet_trash"):
        twice = average_checkpoints([paths[0], paths[1], str(tmp_path / "last.pth")])["state_dict"]
    expected = f"{tmp_path}/last.pth: is the same file as {paths[1]}, which counts once more"
    assert [record.getMessage() for record in caplog.records] == [expected]
    weighted = average_checkpoints(paths[:2], [1, 2])["state_dict"]
    for name, tensor in twice.items():
        torch.testing.assert_close(tensor, weighted[name])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("1.bias"), r"b\.pth: has no 1\.bias, which \S+a\.pth has; checkpoints of one config"),
        (lambda state: state.update(extra=torch.ones(1)), r"a\.pth: has no extra, which \S+b\.pth has; checkpoints of"),
        (
            lambda state: state.update({"1.bias": torch.ones(5)}),
            r"b\.pth: 1\.bias is float32 \(5,\), \S+a\.pth has float32 \(4,\); checkpoints of one config",
        ),
        (
            lambda state: state.update({"1.bias": torch.ones(4).half()}),
            r"b\.pth: 1\.bias is float16 \(4,\), \S+a\.pth has float32 \(4,\); checkpoints of one config",
        ),
        (lambda state: state["0.weight"].view(-1)[5].fill_(np.nan), r"b\.pth: 0\.weight has values that are not fin"),
        (lambda state: state["1.running_var"][0].fill_(np.inf), r"b\.pth: 1\.running_var has values that are not fi"),
        (lambda state: state.update(text="no tensor"), r"b\.pth: holds no weights, a state_dict of tensors is right"),
        (lambda state: state.clear(), r"b\.pth: holds no weights, a state_dict of tensors is right"),
    ],
)
def test_a_checkpoint_that_does_not_fit_the_first_is_one_line(save, change, message):
    other = network(2).state_dict()
    paths = [save("a.pth", network(1).state_dict())]
    change(other)
    with pytest.raises(InputError, match=message) as error:
        average_checkpoints([*paths, save("b.pth", other)])
    assert "\n" not in str(error.value)


def test_counts_of_another_shape_are_refused_too(save):
    paths = [save(f"{size}.pth", {"n": torch.ones(size, dtype=torch.int64)}) for size in (2, 3)]
    with pytest.raises(InputError, match=r"3\.pth: n is int64 \(3,\), \S+2\.pth has int64 \(2,\)"):
        average_checkpoints(paths)


@pytest.mark.parametrize("classes", [("Glass", "Paper"), ("Paper",), None])
def test_other_classes_or_another_order_of_them_are_refused(save, classes):
    weights = network(1).state_dict()
    paths = [save("a.pth", weights), save("b.pth", weights, classes=classes)]
    stated = "none" if classes is None else rf"{len(classes)} \({', '.join(classes)}\)"
    message = rf"b\.pth: states {stated} as its classes, \S+a\.pth 2 \(Paper, Glass\); checkpoints of one config"
    with pytest.raises(InputError, match=message):
        average_checkpoints(paths)


@pytest.mark.parametrize("ema", [{}, {"ema_state_dict": {}}, {"ema_state_dict": "text"}])
def test_raw_weights_need_an_ema(save, ema):
    path = save("a.pth", network(1).state_dict(), **ema)
    with pytest.raises(InputError, match=r"a\.pth: --raw: was saved without EMAHook, .*leave out --raw"):
        average_checkpoints([path], raw=True)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((1,), "has 1 numbers for 2 checkpoints, one each is right"),
        ((1, 2, 3), "has 3 numbers for 2 checkpoints, one each is right"),
        ((1, -0.5), "-0.5 is negative or not finite, 0 or more is right"),
        ((1, float("nan")), "nan is negative or not finite"),
        ((float("inf"), 1), "inf is negative or not finite"),
        ((0, 0), "they sum to 0, a finite sum above 0 is right"),
        ((1e308, 1e308), "they sum to inf, a finite sum above 0 is right"),
    ],
)
def test_weights_that_do_not_fit_are_one_line(weights, message):
    with pytest.raises(InputError, match=f"--weights: {message}"):
        shares_of(weights, 2)
