"""Logs of trainings, written by hand as MMEngine writes them: whole, resumed, cut and broken."""

import json
import re

import numpy as np
import pytest

from mmdet_trash.errors import InputError
from mmdet_trash.reports.training_logs import POINTS, Curve, band, read_runs


def train(step: int, loss: float, epoch: int | None = 1, **more) -> dict:
    epochs = {} if epoch is None else {"epoch": epoch}
    return {"lr": 0.1, "loss": loss, "time": 0.2, **more, **epochs, "iter": step, "step": step}


def val(epoch: int, map50: float, **more) -> dict:
    return {"mAP50": map50, "mAP": map50 / 2, "mAP_s": float("nan"), "AP50/floss": 0.5, **more, "step": epoch}


def write_log(folder, *lines, start="20260101_000000", end=""):
    path = folder / start / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + end)
    return path


def training(folder):
    (run,) = read_runs([folder])
    (one,) = run.trainings
    return one


def points(curve: Curve) -> list[tuple[float, float]]:
    return list(zip(curve.x.tolist(), curve.y.tolist(), strict=True))


def test_losses_by_step_and_metrics_by_epoch(tmp_path):
    parts = {"s0.loss_cls": 1.5, "s0.acc": 90.0}
    write_log(tmp_path, train(10, 4, **parts), train(20, 3, **parts), val(1, 0.2), train(40, 2, 2), val(2, 0.4))
    found = training(tmp_path)
    assert found.name == "" and found.epoch_steps == 20
    assert found.losses.keys() == {"loss", "s0.loss_cls"} and found.metrics.keys() == {"mAP50", "mAP"}
    assert points(found.losses["loss"]) == [(10, 4), (20, 3), (40, 2)]
    assert points(found.losses["s0.loss_cls"]) == [(10, 1.5), (20, 1.5)]
    assert points(found.metrics["mAP50"]) == [(1, 0.2), (2, 0.4)]
    assert points(found.metrics["mAP"]) == [(1, 0.1), (2, 0.2)]


@pytest.mark.parametrize("name", ["mAP50", "trash/mAP50", "coco/bbox_mAP_50", "val/mAP50"])
def test_a_metric_is_known_by_any_prefix(tmp_path, name):
    write_log(tmp_path, train(10, 4), {name: 0.3, "AP50/mAPle": 0.9, "step": 1})
    assert {key: points(curve) for key, curve in training(tmp_path).metrics.items()} == {"mAP50": [(1, 0.3)]}


def test_a_loss_that_is_not_finite_stays(tmp_path):
    write_log(tmp_path, train(10, 4), train(20, float("nan")), train(30, float("inf")))
    np.testing.assert_array_equal(training(tmp_path).losses["loss"].y, [4, np.nan, np.inf])


def test_a_training_by_iterations_has_no_epochs(tmp_path):
    lines = [train(100, 4, None), val(100, 0.1), train(200, 3, None), val(200, 0.2)]
    write_log(tmp_path, *lines)
    write_log(tmp_path, train(150, 2, None), start="20260102_000000")
    found = training(tmp_path)
    assert found.epoch_steps == 0
    assert points(found.losses["loss"]) == [(100, 4), (150, 2)]
    assert points(found.metrics["mAP50"]) == [(100, 0.1)]


def test_of_a_resumed_run_the_later_start_counts(tmp_path):
    """The first start was killed in its third epoch; the second goes on behind the second."""
    write_log(tmp_path, train(10, 5), val(1, 0.1), train(20, 4, 2), val(2, 0.2), train(25, 3.5, 3), train(30, 3, 3))
    write_log(tmp_path, train(25, 1, 3), val(3, 0.3), start="20260102_000000")
    found = training(tmp_path)
    assert points(found.losses["loss"]) == [(10, 5), (20, 4), (25, 1)], "what the first start did later is gone"
    assert points(found.metrics["mAP50"]) == [(1, 0.1), (2, 0.2), (3, 0.3)]


def test_a_run_begun_anew_forgets_the_one_before(tmp_path):
    write_log(tmp_path, train(10, 5), val(1, 0.1), train(20, 4, 2), val(2, 0.2))
    write_log(tmp_path, train(10, 7), start="20260102_000000")
    found = training(tmp_path)
    assert points(found.losses["loss"]) == [(10, 7)]
    assert found.metrics == {}


def test_a_start_without_training_changes_nothing(tmp_path):
    write_log(tmp_path, train(10, 5), val(1, 0.1))
    write_log(tmp_path, val(0, 0.9), start="20260102_000000")
    write_log(tmp_path, start="20260103_000000")
    assert points(training(tmp_path).metrics["mAP50"]) == [(1, 0.1)]


def test_a_long_loss_is_means_of_windows(tmp_path):
    many = 2 * POINTS + 1
    write_log(tmp_path, *(train(step, step % 3) for step in range(1, many + 1)))
    loss = training(tmp_path).losses["loss"]
    assert loss.window == 3 and len(loss.x) == -(-many // 3) <= POINTS
    np.testing.assert_allclose(loss.x[:3], [2, 5, 8])
    np.testing.assert_allclose(loss.y[: many // 3], 1)
    counts = np.diff(np.arange(0, many, 3), append=many)
    assert loss.y @ counts == pytest.approx(sum(step % 3 for step in range(1, many + 1)))


@pytest.mark.parametrize("kind", ["fold", "trial"])
def test_folds_and_trials_are_trainings_by_number(tmp_path, kind):
    for number in (10, 0, 2):
        write_log(tmp_path / f"{kind}{number}", train(10, number))
    (tmp_path / f"{kind}3" / "20260101_000000").mkdir(parents=True)
    (tmp_path / f"{kind}_notes").mkdir()
    (run,) = read_runs([tmp_path])
    assert [part.name for part in run.trainings] == [f"{kind}{number}" for number in (0, 2, 10)]
    assert [part.losses["loss"].y.tolist() for part in run.trainings] == [[0], [2], [10]]


def test_runs_are_named_by_as_much_of_their_path_as_tells_them_apart(tmp_path, monkeypatch):
    for name in ("a/dino", "b/dino", "a/yolo"):
        write_log(tmp_path / name, train(10, 1))
    monkeypatch.chdir(tmp_path / "a")
    assert [run.name for run in read_runs(["dino", "../b/dino", tmp_path / "a/yolo"])] == ["a/dino", "b/dino", "a/yolo"]
    assert [run.name for run in read_runs(["dino"])] == ["dino"]
    assert read_runs([]) == []
    with pytest.raises(InputError, match=re.escape("../a/dino: is given twice, each run once is right")):
        read_runs(["dino", "../a/dino"])


def test_a_folder_without_logs_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"none: no such folder, a run's work dir is right"):
        read_runs([tmp_path / "none"])
    write_log(tmp_path / "test", train(10, 1))
    with pytest.raises(InputError, match=r"holds no log of a training; a work dir with .* fold1/, … is right"):
        read_runs([tmp_path])


@pytest.mark.parametrize("end", ['{"lr": 0.1, "lo', "{", '{"loss": 1}x', "\0\0\0"])
def test_a_cut_last_line_is_left_out(tmp_path, end):
    write_log(tmp_path, train(10, 4), end=end)
    assert points(training(tmp_path).losses["loss"]) == [(10, 4)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"lr": 0.1, "lo', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("7", "is no object"),
        ('{"loss": 1, "iter": 3}', "has step None, an integer from 0 on is right"),
        ('{"mAP50": 1, "step": 1.5}', "has step 1.5, an integer from 0 on is right"),
        ('{"mAP50": 1, "step": -1}', "has step -1, an integer from 0 on is right"),
        ('{"loss": 1, "iter": 3, "step": 3, "epoch": 0}', "has epoch 0, an integer from 1 on is right"),
        ('{"loss": "low", "iter": 3, "step": 3}', "has loss 'low', a number is right"),
        ('{"mAP50": null, "step": 3}', "has mAP50 None, a number is right"),
        (f'{{"loss": 1{"0" * 400}, "iter": 3, "step": 3}}', "has loss 1000"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = write_log(tmp_path, train(10, 4), end=f"{line}\n{json.dumps(train(20, 3))}\n")
    with pytest.raises(InputError, match=re.escape(f"{path} line 2: {message}")):
        read_runs([tmp_path])


def test_a_band_is_mean_and_range_where_all_folds_are():
    found = band([Curve(*np.array([[1, 3, 5], [0.0, 2, 4]])), Curve(*np.array([[2.0, 4], [4, 0]]))])
    np.testing.assert_allclose(found.x, [2, 3, 4])
    np.testing.assert_allclose(found.low, [1, 2, 0])
    np.testing.assert_allclose(found.high, [4, 2, 3])
    np.testing.assert_allclose(found.mean, [2.5, 2, 1.5])


def test_a_band_of_one_curve_is_the_curve_and_of_none_is_empty():
    one = Curve(*np.array([[1.0, 3], [7, 8]]))
    for values in (band([one]).mean, band([one]).low, band([one]).high):
        np.testing.assert_array_equal(values, one.y)
    later = Curve(*np.array([[4.0, 5], [7, 8]]))
    assert len(band([]).x) == len(band([one, later]).x) == len(band([one, Curve(*np.empty((2, 0)))]).mean) == 0
