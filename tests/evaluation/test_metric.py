import json

import numpy as np
import pytest
import torch

from mmdet_trash.classes import CLASSES
from mmdet_trash.errors import InputError
from mmdet_trash.evaluation.metric import TrashMetric

NAN = float("nan")


@pytest.fixture
def truth(tmp_path):
    """Two images of 100x100: three boxes of two classes, whose categories are 1-indexed and stand in falling order."""
    boxes = [(1, 5, [0, 0, 10, 10]), (1, 2, [50, 50, 20, 20]), (2, 5, [30, 30, 40, 40])]
    content = {
        "images": [{"id": i, "file_name": f"train/{i}.jpg", "width": 100, "height": 100} for i in (1, 2, 3)],
        "categories": [{"id": 5, "name": "can"}, {"id": 2, "name": "bag"}],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": bbox, "iscrowd": 0}
            for i, (image, category, bbox) in enumerate(boxes)
        ],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content))
    return path


def sample(image_id, boxes=(), labels=(), scores=()):
    instances = {
        "bboxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "scores": torch.tensor(scores, dtype=torch.float32),
    }
    return {"img_id": image_id, "pred_instances": instances}


def score(metric, samples, ann_file, classes=("bag", "can")):
    metric.dataset_meta = {"classes": classes, "ann_file": str(ann_file)}
    metric.process({}, samples)
    return metric.evaluate(len(samples))


PERFECT = [
    sample(1, [[0, 0, 10, 10], [50, 50, 70, 70]], [1, 0], [0.9, 0.8]),
    sample(2, [[30, 30, 70, 70]], [1], [0.7]),
]


def test_perfect_predictions_score_one_whatever_the_category_ids(truth):
    result = score(TrashMetric(), PERFECT, truth)
    assert next(iter(result)) == "mAP50"
    assert [result[key] for key in ("mAP50", "mAP", "AP50/bag", "AP50/can")] == pytest.approx([1, 1, 1, 1])
    assert [key for key in result if key.startswith("AP50/")] == ["AP50/bag", "AP50/can"]


def test_labels_follow_the_order_of_the_datasets_classes(truth):
    swapped = [
        sample(1, [[0, 0, 10, 10], [50, 50, 70, 70]], [0, 1], [0.9, 0.8]),
        sample(2, [[30, 30, 70, 70]], [0], [0.7]),
    ]
    assert score(TrashMetric(), swapped, truth, classes=("can", "bag"))["mAP50"] == 1
    assert score(TrashMetric(), swapped, truth, classes=("bag", "can"))["mAP50"] == 0


def test_a_missed_object_counts_by_hand(truth):
    # Of two cans one is found, with nothing wrong before it: precision 1 up to recall 1/2, at 51 of the 101 points.
    result = score(TrashMetric(), [PERFECT[0], sample(2)], truth)
    assert result["AP50/can"] == pytest.approx(51 / 101)
    assert result["AP50/bag"] == pytest.approx(1)
    assert result["mAP50"] == pytest.approx((1 + 51 / 101) / 2)


def test_boxes_are_cut_at_the_border_of_their_image(truth, tmp_path):
    out = tmp_path / "submission.csv"
    beyond = sample(1, [[-80, -5, 10, 10], [-30, -30, -4, -4], [50, 50, 170, 101]], [1, 1, 0], [0.9, 0.9, 0.8])
    assert score(TrashMetric(out=str(out)), [beyond], truth)["AP50/can"] == pytest.approx(1)
    assert len(out.read_text().splitlines()[1].split()) == 2 * 6  # two boxes; the third has nothing inside
    assert "0.0 0.0 10.0 10.0" in out.read_text() and "50.0 50.0 100.0 100.0" in out.read_text()


def test_only_the_predicted_images_are_scored(truth):
    assert score(TrashMetric(), PERFECT[1:], truth)["AP50/can"] == pytest.approx(1)


@pytest.mark.parametrize("samples", [PERFECT, [sample(1), sample(2)], [PERFECT[1], sample(1)]])
def test_the_backends_agree(truth, samples):
    ours, referee = (score(TrashMetric(backend=backend), samples, truth) for backend in ("hotcoco", "pycocotools"))
    np.testing.assert_array_equal(list(ours.values()), list(referee.values()))


def test_what_was_scored_is_written(truth, tmp_path):
    out = tmp_path / "out.csv"
    score(TrashMetric(out=str(out), score_thr=0.75), PERFECT, truth)
    assert out.read_text().splitlines() == [
        "PredictionString,image_id",
        "5 0.9 0.0 0.0 10.0 10.0 2 0.8 50.0 50.0 70.0 70.0,train/1.jpg",
        ",train/2.jpg",
    ]


def test_without_annotations_nothing_is_scored_and_the_file_is_written(truth, tmp_path, edit_json):
    edit_json(truth, lambda coco: coco.update(annotations=[]))
    out = tmp_path / "out.csv"
    assert score(TrashMetric(out=str(out)), PERFECT, truth) == {}
    assert len(out.read_text().splitlines()) == 3


def test_images_without_boxes_have_no_score(truth):
    assert np.isnan(score(TrashMetric(), [sample(3)], truth)["mAP50"])


def test_a_stated_file_is_scored_instead_of_the_datasets(truth):
    metric = TrashMetric(ann_file=str(truth))
    assert score(metric, PERFECT, "nowhere.json")["mAP50"] == 1


def test_an_unknown_ending_or_backend_is_refused_at_once():
    with pytest.raises(InputError, match=r"out\.txt: unknown ending"):
        TrashMetric(out="out.txt")
    with pytest.raises(ValueError, match="backend 'faster' is unknown"):
        TrashMetric(backend="faster")


def test_the_table_is_in_the_competitions_order(synthetic, capfd, monkeypatch):
    lines = []
    monkeypatch.setattr("mmdet_trash.evaluation.metric.print_log", lambda text, **_: lines.append(text))
    score(TrashMetric(), [sample(0)], synthetic / "train.json", CLASSES)
    table = lines[-1]
    positions = [table.index(f"│ {name} ") for name in (*CLASSES, "all")]
    assert positions == sorted(positions)
