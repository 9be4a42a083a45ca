"""Curves of trainings: one, folds as a band, several beside models."""

import numpy as np

from mmdet_trash.reports.charts import Charts
from mmdet_trash.reports.curves import training_curves
from mmdet_trash.reports.training_logs import Curve, Run, Training
from tests.reports.cases import EN, analysed, found, records


def curve(*points: tuple[float, float]) -> Curve:
    x, y = np.array(points, dtype=float).T
    return Curve(x, y)


def training(name: str = "", losses=((10, 4), (20, 2)), map50=((1, 0.2), (2, 0.4)), epoch_steps: int = 10) -> Training:
    metrics = {"mAP50": curve(*map50)} if map50 else {}
    return Training(name, {"loss": curve(*losses), "loss_cls": curve(*losses)}, metrics, epoch_steps)


def drawn(*runs: Run, models: tuple[str, ...] = ()) -> dict:
    charts = Charts(EN, (), (*models, *(run.name for run in runs)))
    return {part.name: part for part in training_curves(charts, runs)}


def test_one_training_is_a_line_over_epochs_of_its_loss_and_of_each_metric():
    parts = drawn(Run("a", (training(),)))
    assert parts.keys() == {"loss", "val_map50"}
    assert parts["loss"].table.columns == ("line", "epoch", "loss")
    assert parts["loss"].table.rows == [("a", 1, 4), ("a", 2, 2)]
    assert parts["val_map50"].table.rows == [("a", 1, 0.2), ("a", 2, 0.4)]
    (line,) = parts["loss"].traces
    assert (line["x"], line["y"], line["name"], line["meta"]) == ([1, 2], [4, 2], "a", {"series": 0})


def test_points_that_are_means_are_said_to_be():
    """The longest training of those drawn has most values in a point."""
    many = Training("", {"loss": Curve(np.arange(4.0), np.ones(4), window=3)}, training().metrics, 10)
    parts = drawn(Run("a", (training(),)), Run("b", (many,)))
    assert parts["loss"].about == EN("analysis.window", count=3)
    assert parts["val_map50"].about == drawn(Run("a", (training(),)))["loss"].about == ""


def test_folds_are_a_band_around_their_mean():
    folds = training("fold0"), training("fold1", ((10, 2), (20, 2), (30, 1)), ((1, 0.4), (2, 0.5), (3, 0.9)))
    parts = drawn(Run("a", folds))
    assert parts["loss"].table.rows == [
        ("a low", 1, 2), ("a low", 2, 2), ("a high", 1, 4), ("a high", 2, 2), ("a", 1, 3), ("a", 2, 2),
    ]  # fmt: skip
    low, high, mean = parts["val_map50"].traces
    assert (low["y"], high["y"], mean["x"]) == ([0.2, 0.4], [0.4, 0.5], [1, 2])
    np.testing.assert_allclose(mean["y"], [0.3, 0.45])
    assert high["fill"] == "tonexty" and low["line"]["width"] == 0
    assert [trace.get("showlegend") for trace in (low, high, mean)] == [False, False, None]
    assert [trace["meta"] for trace in (low, high, mean)] == [{"series": 0}] * 3


def test_a_training_without_validations_has_no_chart_of_them():
    assert drawn(Run("a", (training(map50=()),))).keys() == {"loss"}
    parts = drawn(Run("a", (training(map50=()),)), Run("b", (training(),)))
    assert {row["series"] for row in records(parts["val_map50"])} == {"b"}
    of_folds = drawn(Run("a", (training("fold0"), training("fold1", map50=()))))
    assert [trace["name"] for trace in of_folds["val_map50"].traces] == ["a"], "one fold alone is a line"
    assert drawn(Run("a", (Training("", {}, {}, 0),))) == {}


def test_a_training_by_iterations_is_drawn_over_them_and_what_is_not_finite_is_a_gap():
    parts = drawn(Run("a", (training(losses=((100, 3), (200, np.nan)), epoch_steps=0),)))
    assert parts["loss"].table.rows == [("a", 100, 3), ("a", 200, None)]


def test_folds_without_a_common_part_have_no_band():
    folds = training("fold0", ((10, 1), (20, 1)), ()), training("fold1", ((30, 1), (40, 1)), ())
    assert drawn(Run("a", folds)) == {}


def test_runs_follow_the_models_in_the_filters():
    runs = Run("a", (training(),)), Run("both", (training("fold0"), training("fold1")))
    parts = drawn(*runs, models=("one", "two"))
    assert [trace["meta"]["series"] for trace in parts["loss"].traces] == [2, 3, 3, 3]
    assert [trace["name"] for trace in parts["loss"].traces] == ["a", "both low", "both high", "both"]
    assert {(row["series"], row["line"]) for row in records(parts["loss"])} == {
        ("a", "a"), ("both", "both"), ("both", "both low"), ("both", "both high"),
    }  # fmt: skip


def test_trainings_stand_alone_or_beside_predictions():
    run = Run("a", (training(),))
    alone = analysed({}, runs=[run])
    assert (alone.series, alone.facts, alone.notes) == (("a",), [], [])
    assert [part.id for part in alone.parts()] == ["loss", "val_map50"]
    both = analysed({"m": found()}, runs=[run])
    assert both.series == ("m", "a")
    (ap50,) = (part for part in both.parts() if part.name == "ap50")
    assert "series" not in ap50.table.columns, "one model needs no name"
