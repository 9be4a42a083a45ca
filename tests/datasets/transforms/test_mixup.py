"""MixUp against its formula, CutMix against the pixels that are left."""

from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdet_trash.errors import InputError
from tests.datasets.transforms.painted import (
    KEEP_ALL,
    assert_boxes_lie_in_the_image,
    assert_colours_lie_in_boxes,
    boxes_and_labels,
    loaded,
    share_of_colour,
)

seeds = st.integers(0, 2**32 - 1)
indices = st.integers(0, 4)


def fitted(info, width, height, pad=114):
    """Another image in the middle of a frame, and its boxes there."""
    image = loaded(info)["img"]
    ratio = min(width / image.shape[1], height / image.shape[0])
    w, h = round(image.shape[1] * ratio), round(image.shape[0] * ratio)
    x, y = (width - w) // 2, (height - h) // 2
    frame = np.full((height, width, 3), pad, np.uint8)
    frame[y : y + h, x : x + w] = cv2.resize(image, (w, h))
    scale = np.array([w / image.shape[1], h / image.shape[0]] * 2)
    return frame, [instance["bbox"] * scale + [x, y, x, y] for instance in info["instances"]]


def mix(painted, own, other, seed=0, **cfg):
    """A transform's result, with the other image that it is to draw."""
    transform = painted.transform(**cfg)
    transform.images.draw = lambda: painted.info(other)
    np.random.seed(seed)
    return transform(painted.info(own))


@settings(max_examples=40)
@given(own=indices, other=indices, share=st.floats(0, 1))
def test_mixup_blends_two_images_and_keeps_the_boxes_of_both(painted, own, other, share):
    with patch("numpy.random.beta", return_value=share) as beta:
        results = mix(painted, own, other, type="MixUp", alpha=3.5)
    beta.assert_called_once_with(3.5, 3.5)
    first, info = loaded(painted.info(own))["img"], painted.info(own)
    second, boxes = fitted(painted.info(other), info["width"], info["height"])
    np.testing.assert_allclose(results["img"], share * first + (1.0 - share) * second, atol=0.51)
    expected = [instance["bbox"] for instance in info["instances"]] + boxes
    np.testing.assert_allclose(results["gt_bboxes"].tensor, expected, atol=1e-4)
    labels = [instance["bbox_label"] for i in (own, other) for instance in painted.info(i)["instances"]]
    assert results["gt_bboxes_labels"].tolist() == labels


def test_mixup_blends_two_mosaics(painted):
    mosaic = {"type": "Mosaic", "img_scale": (64, 48), "boxes": KEEP_ALL}
    first = painted.sample(mosaic, seed=3)
    with patch("numpy.random.beta", return_value=0.25):
        results = painted.sample(mosaic, {"type": "MixUp", "pre_transform": [mosaic]}, seed=3)
    bboxes, labels = results["gt_bboxes"].tensor.numpy(), results["gt_bboxes_labels"].tolist()
    count = len(first["gt_bboxes"])
    np.testing.assert_array_equal(bboxes[:count], first["gt_bboxes"].tensor)
    # What is left when the first mosaic is taken away shows the objects of the second.
    rest = (results["img"] - 0.25 * first["img"]) / 0.75
    assert len(bboxes) > count
    for (x1, y1, x2, y2), label in zip(bboxes[count:], labels[count:], strict=True):
        inner = rest[int(y1) + 3 : int(y2) - 3, int(x1) + 3 : int(x2) - 3]
        np.testing.assert_allclose(inner, np.broadcast_to(painted.colours[label], inner.shape), atol=1)
    assert any(min(x2 - x1, y2 - y1) > 8 for x1, y1, x2, y2 in bboxes[count:])


@settings(max_examples=60)
@given(seed=seeds, own=indices, other=indices, alpha=st.sampled_from([0.3, 1.0, 8.0]))
def test_cutmix_shows_an_object_in_its_boxes_only(painted, seed, own, other, alpha):
    results = mix(painted, own, other, seed, type="CutMix", alpha=alpha, boxes=KEEP_ALL)
    assert_boxes_lie_in_the_image(results)
    assert_colours_lie_in_boxes(painted, results)


@settings(max_examples=60)
@given(seed=seeds, own=indices, other=indices)
def test_cutmix_takes_a_rectangle_of_the_other_image(painted, seed, own, other):
    results = mix(painted, own, other, seed, type="CutMix")
    height, width = results["img"].shape[:2]
    first = loaded(painted.info(own))["img"]
    second, _ = fitted(painted.info(other), width, height)
    np.random.seed(seed)
    np.random.random()
    share, (x, y) = np.random.beta(1, 1), np.random.uniform(size=2)
    side = np.sqrt(share) / 2
    x1, x2 = (round(min(1, max(0, edge)) * width) for edge in (x - side, x + side))
    y1, y2 = (round(min(1, max(0, edge)) * height) for edge in (y - side, y + side))
    expected = first.copy()
    expected[y1:y2, x1:x2] = second[y1:y2, x1:x2]
    np.testing.assert_array_equal(results["img"], expected)


@settings(max_examples=60)
@given(seed=seeds, share=st.sampled_from([None, 0.05, 0.6, 0.9]))
def test_cutmix_keeps_boxes_by_the_share_that_is_seen(painted, seed, share):
    """Of two images as large, whose objects' pixels can be counted; 0.3 of an object is enough by default."""
    boxes = {"min_size": 0, "max_aspect": 1e9, **({} if share is None else {"min_visible": share})}
    results = mix(painted, 0, 4, seed, type="CutMix", boxes=boxes)
    kept = results["gt_bboxes_labels"].tolist()
    for index in (0, 4):
        for instance in painted.info(index)["instances"]:
            x1, y1, x2, y2 = instance["bbox"]
            label = instance["bbox_label"]
            seen = painted.seen(results["img"], label).sum() / ((x2 - x1) * (y2 - y1))
            assert kept.count(label) == (seen >= (0.3 if share is None else share))
    for box, label in boxes_and_labels(results):
        y, x = np.nonzero(painted.seen(results["img"], label))
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        assert share_of_colour(painted, results["img"], box, label, border=0) >= (0.3 if share is None else share)


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
def test_a_share_follows_a_beta_distribution_of_alpha_above_zero(painted, name):
    for alpha in (0, -1.0, float("nan")):
        with pytest.raises(InputError, match=rf"{name}: alpha {alpha} is out of range, above 0 is right"):
            painted.transform(type=name, alpha=alpha)
