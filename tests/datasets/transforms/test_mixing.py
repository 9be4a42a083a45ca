"""What holds for every transform that mixes images."""

import copy
import itertools

import numpy as np
import pytest
from mmengine.registry import DefaultScope

from mmdet_trash.datasets.transforms import attach
from mmdet_trash.errors import InputError
from mmdet_trash.registry import TRANSFORMS
from tests.datasets.transforms.painted import (
    OBJECTS,
    assert_colours_lie_in_boxes,
    boxes_and_labels,
    loaded,
    paint,
    share_of_colour,
)

FRAME = (96, 80)
STILL = {"scale": 0, "translate": 0}
STEPS = {
    "mosaic": {"type": "Mosaic", "img_scale": FRAME, **STILL},
    "mosaic of nine": {"type": "Mosaic", "img_scale": FRAME, "grid": 3, **STILL},
    "turned mosaic": {"type": "Mosaic", "img_scale": FRAME, "degrees": 20, "shear": 5, "perspective": 1e-3},
    "perspective": {"type": "RandomPerspective", "img_scale": FRAME, **STILL},
    "mixup": {"type": "MixUp"},
    "cutmix": {"type": "CutMix"},
    "copy paste": {"type": "CopyPaste"},
    "soft copy paste": {"type": "CopyPaste", "edge": "soft", "class_aware": True},
    "mirror paste": {"type": "MirrorPaste", "share": 1.0, "max_overlap": 1.0},
}
every_step = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS.keys())
DRAW_OTHERS = [step for step in STEPS.values() if step["type"] in ("Mosaic", "MixUp", "CutMix")]


def same(first, second):
    """Whether two samples are alike in everything; arrays by their numbers."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    if hasattr(first, "tensor"):
        return same(first.tensor.numpy(), second.tensor.numpy())
    return np.array_equal(first, second)


@every_step
@pytest.mark.parametrize("load", [False, True], ids=["from the file", "loaded before"])
def test_a_sample_and_the_dataset_stay_as_they_were(painted, step, load):
    transform = painted.transform(**step)
    transform.images.read = lambda info, shrink: loaded(info)["img"]  # which nothing may write to
    infos = [painted.info(i) for i in range(len(painted.dataset))]
    before = copy.deepcopy(infos)
    for seed in range(8):
        sample = loaded(painted.info(0)) if load else painted.info(0)
        kept = copy.deepcopy(sample)
        np.random.seed(seed)
        transform(sample)
        assert same(sample, kept)
    assert same([painted.info(i) for i in range(len(infos))], before)
    assert same(infos, before)


@every_step
def test_the_same_numbers_make_the_same_sample_and_others_another(painted, step):
    first, again = (painted.sample(step, seed=5) for _ in range(2))
    assert same(first, again)
    if step["type"] not in ("RandomPerspective", "MirrorPaste"):
        assert any(not same(first, painted.sample(step, seed=seed)) for seed in range(6, 16))


@every_step
def test_a_sample_has_mmdetections_keys(painted, step):
    results = painted.sample(step, seed=2, index=1)
    count = len(results["gt_bboxes"])
    assert results["img"].dtype == np.uint8
    assert results["img_shape"] == results["img"].shape[:2] == (80, 96)
    assert (results["gt_bboxes"].tensor.shape, str(results["gt_bboxes"].tensor.dtype)) == ((count, 4), "torch.float32")
    assert (results["gt_bboxes_labels"].shape, results["gt_bboxes_labels"].dtype) == ((count,), np.int64)
    assert (results["gt_ignore_flags"].shape, results["gt_ignore_flags"].dtype) == ((count,), bool)
    assert results["img_path"] == painted.info(1)["img_path"]
    assert results["img_id"] == 1


@every_step
def test_with_a_probability_or_strength_of_zero_the_image_is_loaded_alone(painted, step):
    still = {**step, **STILL, "degrees": 0, "shear": 0, "perspective": 0} if "img_scale" in step else step
    closed = painted.transform(**still)
    closed.strength.fill_(0)
    for transform in (closed, painted.transform(**still, prob=0)):
        results = transform(painted.info(4))
        np.testing.assert_array_equal(results["img"], loaded(painted.info(4))["img"])
        assert results["gt_bboxes"].tensor.tolist() == [box["bbox"] for box in painted.info(4)["instances"]]
        assert results["gt_bboxes_labels"].tolist() == [16, 17, 18, 19]


def test_strength_multiplies_the_probability(painted):
    transform = painted.transform(type="MixUp", prob=0.5)
    transform.strength.fill_(0.5)
    np.random.seed(0)
    mixed = sum(len(transform(painted.info())["gt_bboxes"]) > 4 for _ in range(400))
    # Within four standard deviations of a quarter.
    assert abs(mixed - 100) < 4 * np.sqrt(400 * 0.25 * 0.75)


@pytest.mark.parametrize("step", DRAW_OTHERS, ids=lambda step: f"{step['type']} {step.get('grid', '')}")
def test_a_transform_that_knows_no_dataset_says_so(painted, step):
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        transform = TRANSFORMS.build(step)
    with pytest.raises(InputError, match=r"knows no dataset.*AugmentationHook"):
        transform(loaded(painted.info()))


@every_step
def test_masks_are_refused(painted, step):
    with pytest.raises(InputError, match="masks are not mixed or warped here"):
        painted.transform(**step)({**loaded(painted.info()), "gt_masks": None})


@pytest.fixture
def with_broken(tmp_path):
    """A dataset whose image 2 became unreadable after it was checked."""
    broken = paint(tmp_path, list(range(OBJECTS)))
    assert len(broken.dataset) == 5
    (tmp_path / "train" / "2.png").write_bytes(b"no image")
    return broken


@pytest.mark.parametrize("step", DRAW_OTHERS, ids=lambda step: f"{step['type']} {step.get('grid', '')}")
def test_an_image_that_cannot_be_read_is_left_out_and_named_once(with_broken, monkeypatch, step):
    lines = []
    monkeypatch.setattr("mmdet_trash.datasets.transforms.mixing.print_log", lambda text, **_: lines.append(text))
    transform = with_broken.transform(**step)
    own = with_broken.info(0)
    np.random.seed(0)
    labels = {label for _ in range(20) for label in transform(own)["gt_bboxes_labels"].tolist()}
    assert labels
    assert not labels & {8, 9, 10, 11}
    assert len(lines) == 1
    assert "2.png" in lines[0]
    # The sample's own is another sample's turn.
    assert transform(with_broken.info(2)) is None
    assert len(lines) == 1


def test_a_sample_does_not_depend_on_when_a_broken_image_was_found(with_broken):
    step = STEPS["mosaic"]
    samples = []
    for known in (False, True):
        transform = with_broken.transform(**step)
        if known:
            transform.images.unreadable.add(with_broken.info(2)["img_path"])
        samples.append([])
        for seed in range(15):
            np.random.seed(seed)
            samples[-1].append(transform(with_broken.info(0)))
    assert same(*samples)


def test_transforms_inside_others_are_attached_too(painted):
    mosaic = STEPS["mosaic"]
    choice = {"type": "RandomChoice", "transforms": [[mosaic], [{"type": "CopyPaste"}]]}
    painted.pipeline(choice, {"type": "MixUp", "pre_transform": [mosaic]})
    transforms = attach(painted.dataset)
    names = [type(transform).__name__ for transform in transforms]
    assert sorted(names) == ["CopyPaste", "MixUp", "Mosaic", "Mosaic"]
    # They say the same of their cache, so they share it.
    assert len({id(transform.images) for transform in transforms}) == 1


def test_a_mosaic_draws_an_image_for_each_other_place(painted):
    for grid in (2, 3):
        transform = painted.transform(type="Mosaic", img_scale=FRAME, grid=grid, **STILL)
        drawn = itertools.count()
        transform.images.draw = lambda drawn=drawn: painted.info(next(drawn) % 5)
        transform(painted.info())
        assert next(drawn) == grid * grid - 1


def test_an_image_that_is_read_smaller_is_drawn_in_the_same_place(painted):
    """At a quarter of its size it is decoded so; its boxes are in pixels of the whole file."""
    small = painted.sample({"type": "RandomPerspective", "img_scale": (24, 20), **STILL})
    expected = [np.divide(box["bbox"], 4) for box in painted.info(0)["instances"]]
    np.testing.assert_allclose(small["gt_bboxes"].tensor, expected, atol=1e-5)
    assert_colours_lie_in_boxes(painted, small, slack=0.5)
    for box, label in boxes_and_labels(small):
        assert share_of_colour(painted, small["img"], box, label, border=1) == 1
