"""The YOLO family's table: no name of it is without effect, and no other is taken."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmdet_trash.datasets.transforms import HYP, attach, yolo_matching, yolo_pipeline
from mmdet_trash.errors import InputError
from mmdet_trash.registry import DATASETS
from tests.datasets.transforms.painted import assert_boxes_lie_in_the_image

FRAME = (96, 80)
PROBABILITIES = ("flipud", "fliplr", "mosaic", "mixup", "copy_paste", "paste_in")
shares = st.floats(0, 1)


def read(hyp):
    """All that is made of a table."""
    return yolo_pipeline(hyp, FRAME), yolo_matching(hyp)


@pytest.mark.parametrize("name", HYP)
def test_each_name_changes_the_training(name):
    changed = {**HYP, name: 0 if HYP[name] == 1 else HYP[name] + 0.001}
    assert read(changed) != read(HYP)
    left_out = {key: value for key, value in HYP.items() if key != name}
    assert (read(left_out) == read(HYP)) == (HYP[name] == 0)


@pytest.mark.parametrize("name", HYP)
def test_a_pipeline_is_built_with_each_name_alone(painted, name):
    value = {"perspective": 1e-4, "degrees": 10}.get(name, 1 if name == "loss_ota" else 0.4)
    pipeline = painted.pipeline(*yolo_pipeline({name: value}, FRAME))
    for seed in range(3):
        np.random.seed(seed)
        assert pipeline(painted.info(seed))["inputs"].shape == (3, 80, 96)


@pytest.mark.parametrize(
    ("name", "nearest"), [("mosiac", "mosaic"), ("flip_lr", "fliplr"), ("lr0", "fliplr"), ("Scale", "scale")]
)
def test_an_unknown_name_stops_and_the_nearest_is_named(name, nearest):
    for function in (lambda hyp: yolo_pipeline(hyp, FRAME), yolo_matching):
        with pytest.raises(InputError, match=f"hyp: '{name}' is read by nothing; did you mean '{nearest}'"):
            function({**HYP, name: 0.1})


@pytest.mark.parametrize("name", PROBABILITIES)
@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_a_probability_out_of_range_stops(name, value):
    with pytest.raises(InputError, match=f"hyp: {name} {value} is no probability"):
        yolo_pipeline({name: value}, FRAME)


@pytest.mark.parametrize(("value", "kind"), [(1, "simota"), (0, "anchor_ratio")])
def test_loss_ota_says_how_boxes_are_matched(value, kind):
    assert yolo_matching({**HYP, "loss_ota": value}) == kind
    with pytest.raises(InputError, match=r"loss_ota 0\.5 is neither 0 nor 1"):
        yolo_matching({"loss_ota": 0.5})


@settings(max_examples=60)
@given(fliplr=shares, flipud=shares)
def test_the_two_flips_are_independent(painted, fliplr, flipud):
    steps = [
        step for step in yolo_pipeline({"fliplr": fliplr, "flipud": flipud}, FRAME) if step["type"] == "RandomFlip"
    ]
    assert bool(steps) == bool(fliplr or flipud)
    for step in steps:
        prob = dict(zip(step["direction"], step["prob"], strict=True))
        assert prob["diagonal"] == pytest.approx(fliplr * flipud, abs=1e-12)
        assert prob["horizontal"] + prob["diagonal"] == pytest.approx(fliplr, abs=1e-12)
        assert prob["vertical"] + prob["diagonal"] == pytest.approx(flipud, abs=1e-12)
        # MMDetection's flip takes these numbers, whatever they are rounded to.
        assert "img" in painted.sample(step_of_image(), step)


def step_of_image():
    return {"type": "RandomPerspective", "img_scale": FRAME, "scale": 0, "translate": 0}


def test_flips_happen_as_often_as_the_table_says(painted):
    flip = yolo_pipeline({"fliplr": 0.5, "flipud": 0.3}, FRAME)[-2]
    pipeline = painted.pipeline(flip)
    image = np.arange(80 * 96 * 3).reshape(80, 96, 3) % 251
    across = down = both = 0
    np.random.seed(0)
    for _ in range(1000):
        out = pipeline({"img": image, "img_shape": (80, 96)})["img"]
        over, under = (np.array_equal(out[::-1], image), np.array_equal(out[:, ::-1], image))
        turned = np.array_equal(out[::-1, ::-1], image)
        across, down, both = across + (under or turned), down + (over or turned), both + turned
    for count, share in ((across, 0.5), (down, 0.3), (both, 0.15)):
        assert abs(count - 1000 * share) < 4 * np.sqrt(1000 * share * (1 - share))


def test_the_steps_come_in_the_familys_order():
    table = {**dict.fromkeys(HYP, 0.1), "loss_ota": 1}
    assert [step["type"] for step in yolo_pipeline(table, FRAME)] == [
        "Mosaic", "MirrorPaste", "MixUp", "HSVJitter", "CopyPaste", "RandomFlip", "PackDetInputs"
    ]  # fmt: skip
    assert [step["type"] for step in yolo_pipeline({}, FRAME)] == ["Mosaic", "PackDetInputs"]


def test_a_table_is_not_changed():
    before = dict(HYP)
    yolo_pipeline(HYP, FRAME)
    yolo_matching(HYP)
    assert before == HYP


def test_a_dataset_with_the_pipeline_yields_samples(synthetic):
    cfg = {
        "type": "TrashDataset",
        "ann_file": "train.json",
        "data_root": str(synthetic),
        "pipeline": yolo_pipeline({**HYP, "degrees": 5, "copy_paste": 0.5, "mixup": 0.5, "paste_in": 0.5}, (128, 96)),
    }
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        dataset = DATASETS.build(cfg)
    boxes = 0
    np.random.seed(0)
    for item in dataset:
        assert item["inputs"].shape == (3, 96, 128)
        instances = item["data_samples"].gt_instances
        assert len(instances.bboxes) == len(instances.labels)
        boxes += len(instances.bboxes)
    assert boxes > len(dataset)
    dataset.pipeline = Compose(dataset.pipeline.transforms[:-1])
    assert len(attach(dataset)) == 6
    for index in range(len(dataset)):
        assert_boxes_lie_in_the_image(dataset[index])
