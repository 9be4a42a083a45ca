"""The report on predictions: its figures against pycocotools and counts by hand, several models, what is missing."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmdet_trash.evaluation.coco import evaluate_coco
from mmdet_trash.predictions import ImageTable, Predictions
from mmdet_trash.reports.analysis import SAMPLES
from mmdet_trash.reports.charts import plain
from mmdet_trash.reports.page import write_report
from mmdet_trash.reports.parts import Report
from mmdet_trash.reports.words import Words
from mmdet_trash.reports.worst import Photographs
from tests.builders import coco, edited, predictions, write_jpeg
from tests.evaluation.cases import judged
from tests.reports.cases import EN, ROWS, TRUTH, analysed, found, part_of, records, written


@pytest.fixture(scope="module")
def one() -> Report:
    return analysed({"ours": found()})


@pytest.fixture(scope="module")
def two() -> Report:
    return analysed({"ours": found(), "theirs": found(ROWS[:3])})


def rows(report: Report, name: str) -> list[tuple]:
    return part_of(report, name).table.rows


def facts(report: Report) -> dict[str, object]:
    return {fact.name: fact.value for fact in report.facts}


def random_case() -> tuple[dict, Predictions]:
    """Twelve images of three classes; boxes near their objects or anywhere."""
    rng = np.random.default_rng(0)
    objects = [(i % 12, int(rng.integers(3)), [*rng.integers(0, 50, 2), *rng.integers(4, 50, 2)]) for i in range(50)]
    content = coco(
        images=12, boxes=[(i, label, list(map(int, box))) for i, label, box in objects], categories=(0, 1, 2)
    )
    boxes = []
    for image, label, (x, y, width, height) in [*objects, *objects[:20]]:
        corners = np.array([x, y, x + width, y + height]) + rng.normal(0, 3, 4)
        boxes.append((image, label if rng.random() < 0.8 else 2, round(rng.random(), 2), *corners))
    return content, predictions(ImageTable.from_coco(content), boxes)


def test_figures_are_pycocotools():
    content, boxes = random_case()
    report, expected = analysed({"a": boxes}, content=content), evaluate_coco(content, boxes, "pycocotools")
    figures = records(part_of(report, "figures"))
    assert {row["figure"]: row["value"] for row in figures} == plain_dict(expected.summary)
    assert next(iter(figures))["figure"] == "mAP50"
    for row in figures:
        assert row["value"] is None or row["low"] <= row["high"]
    assert dict(rows(report, "ap50")) == plain_dict(expected.ap50)
    precision = judged(content, boxes).eval["precision"][0, :, :, 0, 2]
    assert rows(report, "pr_curves") == [
        (f"class {label}", recall, value)
        for label in range(3)
        for recall, value in zip(np.linspace(0, 1, 101).tolist(), precision[:, label].tolist(), strict=True)
    ]
    assert (facts(report)["mAP50"], facts(report)["mAP"]) == (expected.summary["mAP50"], expected.summary["mAP"])
    (row,) = (row for row in figures if row["figure"] == "mAP50")
    assert [fact.more for fact in report.facts] == [f"({row['low']:.3f}–{row['high']:.3f})", *[""] * 5]  # noqa: RUF001
    (size,) = (row for row in records(part_of(report, "by_size")) if row["size"] == "small")
    assert (size["AP"], size["AR"]) == (expected.summary["mAP_s"], expected.summary["AR_s"])


def plain_dict(figures: dict[str, float]) -> dict[str, float | None]:
    return dict(zip(figures, plain([*figures.values()]), strict=True))


def test_error_bars_end_where_the_intervals_do(one):
    (trace,) = part_of(one, "figures").traces
    bars = zip(trace["y"], trace["error_y"]["array"], trace["error_y"]["arrayminus"], strict=True)
    for row, (value, up, down) in zip(records(part_of(one, "figures")), bars, strict=True):
        assert value == row["value"]
        if value is not None:
            assert (value - down, value + up) == pytest.approx((row["low"], row["high"]))


def test_thresholds_confusions_and_errors_counted_by_hand(one):
    """From 0.21 on, three of six boxes are right and three of five objects found."""
    assert facts(one) | {"mAP50": 0, "mAP": 0} == {
        "mAP50": 0, "mAP": 0, "images": 4, "true boxes": 5, "predicted boxes": 7, "best score": 0.21,
    }  # fmt: skip
    values = {(row["line"], row["score"]): row["value"] for row in records(part_of(one, "confidence"))}
    expected = {0.0: (3 / 7, 3 / 5, 6 / 12), 0.21: (3 / 6, 3 / 5, 6 / 11), 0.5: (2 / 5, 2 / 5, 4 / 10)}
    for score, found_there in expected.items():
        assert [values[name, score] for name in ("precision", "recall", "F1")] == pytest.approx(found_there)
    assert values["precision", 1.0] is None
    # Alone, the second class is best without its duplicate; the third has nothing to find.
    assert [row[0] for row in rows(one, "best_thresholds")] == ["class 0", "class 1"]
    assert rows(one, "best_thresholds")[0][1:] == pytest.approx((0.21, 4 / 6))
    assert rows(one, "best_thresholds")[1][1:] == pytest.approx((0.61, 2 / 3))
    assert part_of(one, "class_f1").table.columns == ("class", "score", "precision", "recall", "F1")
    of_classes = {(row[0], row[1]): row[2:] for row in rows(one, "class_f1")}
    assert len(of_classes) == 2 * 101
    for key, expected_there in {
        ("class 0", 0.21): (2 / 3, 2 / 3, 4 / 6), ("class 0", 0.2): (2 / 4, 2 / 3, 4 / 7),
        ("class 1", 0.0): (1 / 2, 1 / 2, 2 / 4), ("class 1", 0.61): (1, 1 / 2, 2 / 3),
    }.items():  # fmt: skip
        assert of_classes[key] == pytest.approx(expected_there), key
    assert of_classes["class 1", 0.71] == (None, 0, 0)
    assert part_of(one, "confusion").about == "from score 0.21"
    assert rows(one, "confusion") == [
        ("class 0", 2, 0, 0, 1), ("class 1", 1, 1, 0, 0), ("class 2", 0, 0, 0, 0), ("(background)", 0, 1, 1, 0),
    ]  # fmt: skip
    assert part_of(one, "confusion").table.columns == ("row", "class 0", "class 1", "class 2", "(background)")
    np.testing.assert_allclose(part_of(one, "confusion").traces[0]["z"][0], [2 / 3, 0, 0, 1 / 3])
    assert {kind: count for kind, _, count in rows(one, "error_costs")} == {
        "classification": 1, "localization": 0, "both": 0, "duplicate": 1, "background": 2, "missed": 1,
        "false positives": 4, "false negatives": 2,
    }  # fmt: skip
    costs = {kind: cost for kind, cost, _ in rows(one, "error_costs")}
    # Of each class all is found in the end; without wrong boxes the first still lacks one object of three.
    assert costs["localization"] == costs["both"] == 0 and costs["false negatives"] > costs["missed"] > 0


def test_scores_as_chances_counted_by_hand(one):
    counts = {row["score"].split()[0]: row["boxes"] for row in records(part_of(one, "score_counts"))}
    assert counts == {f"{low / 10:.1f}": int(low in (2, 3, 7, 8, 9)) + 2 * (low == 6) for low in range(10)}
    chances = [(row["score"], row["right"]) for row in records(part_of(one, "reliability"))]
    assert len(chances) == 10
    assert [pair for pair in chances if pair[0] is not None] == [
        pytest.approx(pair) for pair in [(0.2, 0), (0.3, 1), (0.625, 0), (0.7, 1), (0.8, 0), (0.9, 1)]
    ]
    gaps = [0.2, 0.7, 0.625, 0.625, 0.3, 0.8, 0.1]
    assert rows(one, "calibration_error") == [pytest.approx((np.mean(gaps), 0.8))]
    assert [trace["meta"] for trace in part_of(one, "reliability").traces] == [{}, {"series": 0}]


def test_sizes_and_numbers_of_objects_counted_by_hand(one):
    sizes = records(part_of(one, "by_size"))
    assert [(row["size"], row["boxes"]) for row in sizes] == [("small", 2), ("medium", 3), ("large", 0)]
    assert (sizes[2]["AP50"], sizes[2]["AP"], sizes[2]["AR"]) == (None, None, None)
    slices = records(part_of(one, "by_count"))
    assert [(row["objects"], row["images"], row["boxes"]) for row in slices] == [("1", 1, 1), ("2-3", 2, 4)]
    for row, images in zip(slices, ([2], [0, 1]), strict=True):
        alone = {**TRUTH, "images": [image for image in TRUTH["images"] if image["id"] in images]}
        summary = evaluate_coco(alone, found().over(ImageTable.from_coco(alone)), "pycocotools").summary
        assert (row["mAP50"], row["mAP"]) == pytest.approx((summary["mAP50"], summary["mAP"]))


def test_the_sweep_begins_where_the_figures_are_and_counts_what_is_left(one):
    boxes = {(row["line"], row["score"]): row["boxes"] for row in records(part_of(one, "sweep_boxes"))}
    kept = {0.0: 7, 0.1: 7, 0.2: 7, 0.3: 6, 0.5: 5}
    assert {score: boxes["no NMS", score] for score in kept} == kept
    assert {score: boxes["NMS 0.5", score] for score in kept} == {score: count - 1 for score, count in kept.items()}
    map50 = {(row["line"], row["score"]): row["mAP50"] for row in records(part_of(one, "sweep_map50"))}
    assert map50["no NMS", 0.0] == pytest.approx(rows(one, "figures")[0][1])
    for score in kept:
        left = found([row for row in ROWS if row[2] >= score])
        assert map50["no NMS", score] == pytest.approx(evaluate_coco(TRUTH, left, "pycocotools").summary["mAP50"])


def test_each_suppression_has_its_own_line_in_the_sweep():
    """The second box is its object's again: behind it, recall 2 / 3 has a precision of 2 / 3, without it of 1."""
    boxes = found([ROWS[0], (0, 0, 0.8, 10, 10, 40, 25), (2, 0, 0.7, 30, 30, 70, 70)])  # an IoU of 0.75
    map50 = {row["line"]: row["mAP50"] for row in records(part_of(analysed({"a": boxes}), "sweep_map50"))}
    with_it, without = (34 + 33 * 2 / 3) / 101 / 2, 67 / 101 / 2
    assert map50 == pytest.approx({
        "NMS 0.4": without, "NMS 0.5": without, "NMS 0.6": without, "NMS 0.7": without, "NMS 0.8": with_it,
        "no NMS": with_it,
    })  # fmt: skip


def test_two_models_stand_beside_each_other(two):
    assert two.series == ("ours", "theirs")
    assert [fact.name for fact in two.facts] == ["mAP50 · ours", "mAP50 · theirs"]
    figures = {(row["series"], row["figure"]): row["value"] for row in records(part_of(two, "figures"))}
    for name, boxes in (("ours", found()), ("theirs", found(ROWS[:3]))):
        summary = plain_dict(evaluate_coco(TRUTH, boxes, "pycocotools").summary)
        assert {key: figures[name, key] for key in summary} == summary
        assert facts(two)[f"mAP50 · {name}"] == summary["mAP50"]
    assert part_of(two, "differences").about == "ours"
    for row in records(part_of(two, "differences")):
        first, second = figures["ours", row["figure"]], figures["theirs", row["figure"]]
        assert row["series"] == "theirs"
        assert row["delta"] is None if first is None else row["delta"] == pytest.approx(second - first)
    assert [part_of(two, name).about for name in ("confusion", "confusion_2")] == [
        "ours · from score 0.21", "theirs · from score 0.00",
    ]  # fmt: skip
    assert rows(two, "confusion_2")[-1] == ("(background)", 0, 0, 0, 0)
    assert [part_of(two, name).about for name in ("worst", "worst_2")] == ["ours", "theirs"]
    of_each = {part.id: part.series for part in two.parts() if part.series is not None}
    assert of_each == {"confusion": 0, "confusion_2": 1, "worst": 0, "worst_2": 1}
    for name in ("pr_curves", "confidence", "class_f1", "sweep_map50", "sweep_boxes"):
        traces = part_of(two, name).traces
        assert part_of(two, name).about == "ours ───, theirs ╌╌╌"
        looks = {(trace["line"]["color"], trace["line"]["dash"]) for trace in traces}
        assert len(looks) == len(traces) > 2, name
        assert {trace["line"]["dash"] for trace in traces if trace["meta"]["series"]} == {"dash"}, name
    for name in ("figures", "ap50", "confidence", "class_f1", "best_thresholds", "error_costs", "reliability"):
        assert {row["series"] for row in records(part_of(two, name))} == {"ours", "theirs"}, name
    assert sum(row["images"] for row in records(part_of(two, "by_count")) if row["series"] == "theirs") == 3


def test_a_class_without_truth_is_named_and_has_no_figure(one):
    assert [row for row in rows(one, "ap50") if row[1] is None] == [("class 2", None)]
    for name in ("pr_curves", "class_f1"):
        assert {trace["meta"]["class"] for trace in part_of(one, name).traces} == {0, 1}


def test_a_class_that_is_named_as_the_background_stays_a_class():
    content = edited(lambda c: c["categories"][1].update(name="background"), images=4, categories=(0, 1, 2))
    chart = part_of(analysed({"a": found()}, content=content), "confusion")
    assert chart.table.columns == ("row", "class 0", "background", "class 2", "(background)")
    assert chart.layout["xaxis"]["ticktext"] == ["class 0", "background", "class 2", "nothing there"]


def test_a_model_without_any_box_has_a_report_too(tmp_path):
    report = analysed({"none": found([]), "ours": found()})
    write_report(report, EN, tmp_path / "x.html")
    figures = {row["figure"]: row["value"] for row in records(part_of(report, "figures")) if row["series"] == "none"}
    assert figures["mAP50"] == figures["AR100"] == 0 and figures["mAP_l"] is None
    assert sum(row["boxes"] for row in records(part_of(report, "score_counts")) if row["series"] == "none") == 0
    assert rows(report, "confusion")[:2] == [("class 0", 0, 0, 0, 3), ("class 1", 0, 0, 0, 2)]
    costs = {row["kind"]: row["boxes"] for row in records(part_of(report, "error_costs")) if row["series"] == "none"}
    assert costs["missed"] == costs["false negatives"] == 5 and costs["false positives"] == 0
    costs = {row["kind"]: row["cost"] for row in records(part_of(report, "error_costs")) if row["series"] == "none"}
    assert costs["missed"] is costs["false negatives"] is None and costs["false positives"] == 0
    best = [row for row in rows(report, "best_thresholds") if row[0] == "none"]
    assert best == [("none", "class 0", None, 0), ("none", "class 1", None, 0)], "no score is better than another"
    assert rows(report, "calibration_error")[0] == ("none", None, None)
    alone = analysed({"none": found([])})
    assert rows(alone, "worst")[0][1:] == (0, 0, 2, 0) and facts(alone)["predicted boxes"] == 0
    assert facts(alone)["mAP50"] == 0 and facts(alone)["best score"] is None


def test_images_that_are_missing_are_told_once_whichever_model_shows_them(tmp_path):
    for image in (0, 1):
        write_jpeg(tmp_path / "train" / f"{image:04}.jpg")
    photographs = Photographs(tmp_path, Path("train.json"), 9)
    models = {"ours": found(ROWS[:4]), "theirs": found([*ROWS, (3, 1, 0.9, 0, 0, 9, 9)])}
    report = analysed(models, photographs=photographs)
    expected = EN("analysis.missing_images", count=2, first="train/0002.jpg")
    assert report.notes == [expected]
    write_jpeg(tmp_path / "train" / "0002.jpg")
    (tmp_path / "train" / "0003.jpg").write_text("no image")
    report = analysed(models, photographs=photographs)
    assert report.notes == [EN("analysis.missing_images", count=1, first="train/0003.jpg")]
    assert analysed(models).notes == [EN("analysis.no_images")]


def test_the_same_models_give_the_same_bytes_and_the_same_numbers_in_every_language(tmp_path):
    for folder, language in (("a", "en"), ("b", "en"), ("c", "ko")):
        words = Words(language)
        report = analysed({"ours": found(), "theirs": found(ROWS[:3])}, words)
        write_report(report, words, tmp_path / folder / "x.html")
    first, again, other = (written(tmp_path / folder) for folder in "abc")
    assert first == again
    assert first.pop("x.html") != other.pop("x.html")
    assert first == other
    assert json.loads(first["x.json"])["tables"].keys() == {part.id for part in report.parts()}
    assert SAMPLES >= 100, "percentiles of 2.5 % need as many"


def test_a_fold_of_real_predictions(shared):
    from mmdet_trash.annotations import load_annotations
    from mmdet_trash.predictions import read_predictions

    folder = shared / "data" / "predictions"
    content = load_annotations(folder / "oof_fold0_gt.json")
    boxes = read_predictions(folder / "oof_fold0_deta_hflip.csv", ImageTable.from_coco(content))
    some = {**content, "images": content["images"][::8]}
    boxes = boxes.over(ImageTable.from_coco(some))
    report = analysed({"a": boxes}, content=some)
    assert rows(report, "figures")[0][1] == evaluate_coco(some, boxes, "pycocotools").summary["mAP50"]
    confusion = np.array([row[1:] for row in rows(report, "confusion")])
    true = np.bincount(
        [a["category_id"] for a in some["annotations"] if a["image_id"] in {*boxes.images.ids}], minlength=10
    )
    assert confusion[:-1].sum(axis=1).tolist() == true.tolist()
    assert sum(row["boxes"] for row in records(part_of(report, "by_count"))) == true.sum()
