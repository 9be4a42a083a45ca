import pytest
import torch

from tests.builders import ROOT
from tests.tiny import TINY

EMA_DEMO = ROOT / "configs" / "demo" / "cascade-rcnn_tiny_ema.py"


@pytest.fixture
def checkpoints(tmp_path):
    paths = []
    for value in (1.0, 4.0):
        content = {
            "meta": {"epoch": value, "dataset_meta": {"classes": ("Paper", "Glass")}},
            "state_dict": {"a": torch.full((1000,), value), "n": torch.tensor(int(value))},
            "optimizer": {"state": torch.ones(5000)},
        }
        paths.append(tmp_path / f"epoch_{value:.0f}.pth")
        torch.save(content, paths[-1])
    return paths


def weights_of(path):
    return torch.load(path, weights_only=True)["state_dict"]


def test_several_checkpoints_become_their_mean(tool, checkpoints, tmp_path):
    out = tmp_path / "new" / "average.pth"
    result = tool("average", *checkpoints, "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{out}: the mean of 2 checkpoints, 2 tensors, 2 classes, 0.0 MiB\n"
    assert set(weights_of(out)["a"].tolist()) == {2.5} and weights_of(out)["n"] == 4
    assert tool("average", *checkpoints, "--out", out, "--weights", 3, 1).code == 0
    assert set(weights_of(out)["a"].tolist()) == {1.75}


def test_one_checkpoint_becomes_a_slim_copy(tool, checkpoints, tmp_path):
    out = tmp_path / "slim.pth"
    result = tool("average", checkpoints[1], "--out", out)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{out}: the weights of {checkpoints[1]}, 2 tensors, 2 classes, 0.0 MiB\n"
    assert set(weights_of(out)["a"].tolist()) == {4.0}
    assert out.stat().st_size < checkpoints[1].stat().st_size / 3


def test_a_file_named_twice_is_a_warning(tool, checkpoints, tmp_path):
    result = tool("average", checkpoints[0], checkpoints[0], "--out", tmp_path / "average.pth")
    assert result.code == 0
    assert result.err == f"warning: {checkpoints[0]}: is the same file as {checkpoints[0]}, which counts once more\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--raw"], "epoch_1.pth: --raw: was saved without EMAHook, it has one set of weights; leave out --raw"),
        (["--weights", 1], "--weights: has 1 numbers for 2 checkpoints, one each is right"),
        (["--weights", 1, -2], "--weights: -2 is negative or not finite, 0 or more is right"),
        (["--weights", 0, 0], "--weights: they sum to 0, a finite sum above 0 is right"),
    ],
)
def test_what_does_not_fit_is_one_line_and_writes_nothing(tool, checkpoints, tmp_path, options, message):
    result = tool("average", *checkpoints, "--out", tmp_path / "average.pth", *options)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ") and result.err.endswith(f"{message}\n") and result.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == sorted(checkpoints)


def test_an_input_is_not_written_over(tool, checkpoints):
    before = checkpoints[1].read_bytes()
    result = tool("average", *checkpoints, "--out", checkpoints[1])
    assert result.err == f"error: {checkpoints[1]}: is the input {checkpoints[1]}, a new file is right\n"
    assert result.code == 2 and checkpoints[1].read_bytes() == before


@pytest.mark.slow
def test_averages_of_a_training_are_tested_as_its_checkpoints_are(tool, synthetic, tmp_path):
    """Train with EMA, average, test: a slim copy predicts what its checkpoint does, a mean something else."""

    def predict(checkpoint):
        out = tmp_path / "predictions.csv"
        options = ("--data-root", synthetic, "--split", "test", "--out", out, "--work-dir", tmp_path / "test")
        result = tool("test", EMA_DEMO, checkpoint, *options, *TINY)
        assert result.code == 0, result.err
        return out.read_text()

    work_dir = tmp_path / "work"
    options = ("--data-root", synthetic, "--from-scratch", "--work-dir", work_dir)
    result = tool("train", EMA_DEMO, *options, *TINY, "custom_hooks.0.gamma=4")
    assert result.code == 0, result.err
    last = work_dir / "epoch_2.pth"
    slim, mean = tmp_path / "slim.pth", tmp_path / "mean.pth"
    for arguments in ((last, "--out", slim), (work_dir / "epoch_1.pth", last, "--out", mean)):
        result = tool("average", *arguments)
        assert (result.code, result.err) == (0, "")
        assert ", 10 classes, " in result.out
    assert slim.stat().st_size < last.stat().st_size / 3

    expected = predict(last)
    assert expected.count("\n") == 6 and len(expected) > 1000
    assert predict(slim) == expected
    averaged = predict(mean)
    assert averaged.count("\n") == 6 and averaged != expected
