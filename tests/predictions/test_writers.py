import json
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from mmdet_trash.predictions import WRITERS, Predictions, from_annotations, read_submission, write_predictions
from tests.builders import coco, float32s, predictions, table, write_json

NAMES = ("test/0000.jpg", "test/0001.jpg", "test/0002.jpg")
ROWS = [
    (2, 9, 0.25, 1.5, 2, 30.25, 40),
    (0, 3, 0.875, 10, 20, 30, 40),
    (2, 0, 0.5, 0, 0, 100, 80),
]


def test_a_submissions_exact_text(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_predictions(predictions(table(NAMES), ROWS), path)
    assert path.read_bytes() == (
        b"PredictionString,image_id\n"
        b"3 0.875 10.0 20.0 30.0 40.0,test/0000.jpg\n"
        b",test/0001.jpg\n"
        b"9 0.25 1.5 2.0 30.25 40.0 0 0.5 0.0 0.0 100.0 80.0,test/0002.jpg\n"
    )


def test_rows_stand_in_the_annotation_files_order(tmp_path: Path) -> None:
    names = [f"test/{i}.jpg" for i in (5, 3, 9, 0)]
    write_predictions(predictions(table(names), [(3, 1, 0.5, 0, 0, 1, 1)]), tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == names


def test_a_submissions_label_is_the_category_id(tmp_path: Path) -> None:
    images = table(NAMES, categories=(1, 5, 90))
    write_predictions(predictions(images, [(0, 2, 0.5, 0, 0, 1, 1)]), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("90 0.5 ")


@pytest.mark.parametrize("names", [(), NAMES])
def test_a_submission_without_detections(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_predictions(predictions(table(names)), tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "".join(["PredictionString,image_id\n", *(f",{n}\n" for n in names)])
    assert len(read_submission(tmp_path / "a.csv", table(names))) == 0


def same(first: Predictions, second: Predictions) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("image_index", "labels", "scores", "bboxes")
    )


AWKWARD = ("plain.jpg", "with, comma.jpg", 'with "quotes".jpg', "'single'.jpg", "쓰레기 1.jpg", "a;b\tc.jpg")


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, len(AWKWARD) - 1),
            st.integers(0, 9),
            float32s(0, 1),
            *[float32s(-50, 2000)] * 4,
        ),
        max_size=12,
    )
)
def test_a_networks_numbers_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]) -> None:
    path, images = tmp_path_factory.getbasetemp() / "round trip.csv", table(AWKWARD)
    written = predictions(images, rows)
    write_predictions(written, path)
    back = read_submission(path, images)
    assert same(
        written, Predictions(images, back.image_index, back.labels, *map(as_single, (back.scores, back.bboxes)))
    )
    write_predictions(back, path)
    assert same(back, read_submission(path, images))


def as_single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)


def test_double_precision_comes_back_exactly(tmp_path: Path) -> None:
    # Fused scores and boxes are no float32 numbers, and none of their digits is lost.
    numbers = np.random.default_rng(0).random((200, 5)) * [1, 1024, 1024, 1024, 1024]
    written = predictions(table(), [(i % 2, i % 10, *row) for i, row in enumerate(numbers)])
    write_predictions(written, tmp_path / "a.csv")
    assert same(written, read_submission(tmp_path / "a.csv", table()))


def test_coco_results_are_the_rows_as_xywh(tmp_path: Path) -> None:
    images = table(NAMES, categories=[i + 1 for i in range(10)])
    write_predictions(predictions(images, ROWS), tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [
        {"image_id": 7, "category_id": 4, "bbox": [10.0, 20.0, 20.0, 20.0], "score": 0.875},
        {"image_id": 27, "category_id": 10, "bbox": [1.5, 2.0, 28.75, 38.0], "score": 0.25},
        {"image_id": 27, "category_id": 1, "bbox": [0.0, 0.0, 100.0, 80.0], "score": 0.5},
    ]


def test_coco_results_without_detections(tmp_path: Path) -> None:
    write_predictions(predictions(table(NAMES)), tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "[]"


def test_parquet_has_a_row_a_box_and_one_for_an_image_without(tmp_path: Path) -> None:
    images = table(NAMES, categories=[i + 1 for i in range(10)])
    write_predictions(predictions(images, ROWS), tmp_path / "a.parquet")
    columns = ("image_id", "file_name", "label", "category_id", "score", "x1", "y1", "x2", "y2")
    assert pl.read_parquet(tmp_path / "a.parquet").to_dicts() == [
        dict(zip(columns, row, strict=True))
        for row in (
            (7, "test/0000.jpg", 3, 4, 0.875, 10.0, 20.0, 30.0, 40.0),
            (17, "test/0001.jpg", *[None] * 7),
            (27, "test/0002.jpg", 9, 10, 0.25, 1.5, 2.0, 30.25, 40.0),
            (27, "test/0002.jpg", 0, 1, 0.5, 0.0, 0.0, 100.0, 80.0),
        )
    ]


def test_parquet_of_no_images_has_its_columns(tmp_path: Path) -> None:
    write_predictions(predictions(table(())), tmp_path / "a.parquet")
    content = pl.read_parquet(tmp_path / "a.parquet")
    assert content.shape == (0, 9)
    assert content.schema["file_name"] == pl.String


@pytest.mark.slow
def test_mmdetection_evaluates_the_pickle_offline(tmp_path: Path) -> None:
    """The way `tools/analysis_tools/eval_metric.py` of MMDetection does, to the figures of our own evaluation."""
    import mmengine
    from mmdet.evaluation import CocoMetric
    from mmengine.evaluator import Evaluator

    from mmdet_trash.evaluation import evaluate_coco

    rng = np.random.default_rng(0)
    content = coco(
        images=4, categories=(1, 2, 5), boxes=[(i % 3, (1, 2, 5)[i % 3], [3 * i, i, 20, 30]) for i in range(15)]
    )
    for annotation in content["annotations"]:
        annotation["id"] += 1
    content["info"] = {}
    truth = from_annotations(content)
    noisy = (truth.bboxes + rng.normal(0, 2, truth.bboxes.shape)).astype(np.float32)
    found = Predictions.from_columns(
        truth.images, truth.image_index, truth.labels, rng.random(len(noisy)).astype(np.float32), noisy
    )
    write_predictions(found, tmp_path / "results.pkl")

    samples = mmengine.load(tmp_path / "results.pkl")
    assert [(s["img_id"], s["img_path"], s["ori_shape"]) for s in samples] == [
        (i, f"train/{i:04}.jpg", (80, 100)) for i in range(4)
    ]
    assert len(samples[3]["pred_instances"]["scores"]) == 0
    np.testing.assert_array_equal(samples[1]["pred_instances"]["bboxes"].numpy(), found.bboxes[found.of_image(1)])
    evaluator = Evaluator(CocoMetric(str(write_json(tmp_path / "gt.json", content)), metric="bbox"))
    evaluator.dataset_meta = {"classes": truth.images.classes}
    theirs = evaluator.offline_evaluate(samples)
    ours = evaluate_coco(content, found).summary
    assert 0.1 < ours["mAP"] < 0.9
    for name, figure in (("bbox_mAP", "mAP"), ("bbox_mAP_50", "mAP50"), ("bbox_mAP_75", "mAP75")):
        assert theirs[f"coco/{name}"] == pytest.approx(ours[figure], abs=6e-4)  # MMDetection rounds to 3 places


@pytest.mark.slow
def test_the_pickle_holds_only_plain_things_and_tensors(tmp_path: Path) -> None:
    import torch

    write_predictions(predictions(table(NAMES), ROWS), tmp_path / "a.pkl")
    samples = pickle.loads((tmp_path / "a.pkl").read_bytes())
    for sample in samples:
        instances = sample["pred_instances"]
        assert {type(value) for value in instances.values()} == {torch.Tensor}
        assert instances["bboxes"].shape == (len(instances["scores"]), 4)
        assert [instances[k].dtype for k in ("bboxes", "scores", "labels")] == [torch.float32] * 2 + [torch.int64]
    assert samples[2]["pred_instances"]["labels"].tolist() == [9, 0]


def test_an_unknown_ending_names_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.xlsx: unknown ending .* one of .csv, .json, .pkl, .parquet is right$"):
        write_predictions(predictions(table()), tmp_path / "a.xlsx")
    assert not list(tmp_path.iterdir())


def test_an_ending_may_be_in_capitals(tmp_path: Path) -> None:
    write_predictions(predictions(table()), tmp_path / "A.CSV")
    assert (tmp_path / "A.CSV").read_text().startswith("PredictionString,")


@pytest.mark.parametrize("ending", [ending for ending in WRITERS if ending != ".pkl"])
def test_the_same_predictions_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    found = predictions(
        table([f"{i}.jpg" for i in range(300)]), [(i % 300, i % 10, i / 999, 0, 0, 1, i) for i in range(999)]
    )
    for name in "ab":
        write_predictions(found, tmp_path / f"{name}{ending}")
    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()
