import copy
import re
from typing import Any

import numpy as np
import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from mmdet_trash.errors import InputError
from mmdet_trash.fusion import weighted_boxes_fusion
from mmdet_trash.models.test_time_augs import FusionTTA
from mmdet_trash.registry import MODELS
from tests.models.tiny_detectors import batch, build, predictions_of, tiny_cfg

HEIGHT, WIDTH = 80, 200
SIDES = torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT], dtype=torch.float64)
BOXES = [[10.0, 5.0, 60.0, 30.0], [100.0, 20.0, 180.0, 70.0]]
"""Neither in the middle: each flip moves them elsewhere."""
FLIPS = [None, "horizontal", "vertical", "diagonal"]


class Detector(nn.Module):
    """One whose predictions are not asked for."""

    def test_step(self, data: Any) -> Any:
        raise NotImplementedError


def flipped(boxes: Any, direction: str | None) -> Tensor:
    """Boxes of the original image (n, 4) as a view that is flipped so shows them, written out by hand."""
    x1, y1, x2, y2 = torch.as_tensor(boxes).reshape(-1, 4).unbind(1)
    if direction in ("horizontal", "diagonal"):
        x1, x2 = WIDTH - x2, WIDTH - x1
    if direction in ("vertical", "diagonal"):
        y1, y2 = HEIGHT - y2, HEIGHT - y1
    return torch.stack([x1, y1, x2, y2], dim=1)


def view(boxes: Any, scores: Any, labels: Any, flip: str | None = None, scale: float = 1.0) -> DetDataSample:
    """A view's predictions; `boxes` are those of the original image, the view's are flipped."""
    shape = (round(HEIGHT * scale), round(WIDTH * scale))
    meta = {"img_id": 7, "ori_shape": (HEIGHT, WIDTH), "img_shape": shape, "scale_factor": (scale, scale)}
    sample = DetDataSample(metainfo={**meta, "flip": flip is not None, "flip_direction": flip})
    sample.pred_instances = InstanceData(
        bboxes=flipped(torch.as_tensor(boxes, dtype=torch.float32), flip),
        scores=torch.as_tensor(scores, dtype=torch.float32),
        labels=torch.as_tensor(labels, dtype=torch.long),
    )
    return sample


def merge(*views: DetDataSample, **fusion: Any) -> InstanceData:
    (merged,) = FusionTTA(Detector(), fusion).merge_preds([copy.deepcopy(views)])
    assert merged.img_id == 7
    return merged.pred_instances


def random_view(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Five boxes near each of `BOXES`, with scores that are all different, and labels."""
    boxes = torch.tensor(BOXES).repeat(5, 1) + torch.randn(10, 4, generator=generator) * 2
    return boxes, torch.rand(10, generator=generator), torch.randint(0, 2, (10,), generator=generator)


def test_views_of_every_flip_and_scale_fuse_as_their_boxes_mapped_back_by_hand():
    generator = torch.Generator().manual_seed(0)
    found = [random_view(generator) for _ in range(8)]
    flips, scales = FLIPS * 2, [0.5] * 4 + [1.5] * 4
    views = [view(*own, flip, scale) for own, flip, scale in zip(found, flips, scales, strict=True)]
    settings = {"iou_thr": 0.6, "conf_type": "box_and_model_avg", "weights": [1, 2, 3, 4, 5, 6, 7, 8]}
    merged = merge(*views, **settings)

    in_shares = [(boxes.double() / SIDES).numpy() for boxes, _, _ in found]
    scores, labels = ([own[column].numpy() for own in found] for column in (1, 2))
    expected = weighted_boxes_fusion(in_shares, scores, labels, **settings)
    assert 2 < len(merged) < 40, "some boxes were joined, some were not"
    np.testing.assert_array_equal(merged.labels, expected[2])
    np.testing.assert_allclose(merged.scores, expected[1], rtol=1e-5)
    np.testing.assert_allclose(merged.bboxes, expected[0] * SIDES.numpy(), atol=1e-3)


@pytest.mark.parametrize("flip", FLIPS)
def test_one_view_gives_its_boxes(flip):
    merged = merge(view(BOXES, [0.4, 0.9], [3, 0], flip))
    assert merged.labels.tolist() == [0, 3]
    np.testing.assert_allclose(merged.scores, [0.9, 0.4], rtol=1e-6)
    np.testing.assert_allclose(merged.bboxes, BOXES[::-1], rtol=1e-6)


@pytest.mark.parametrize("conf_type", ["avg", "model_max"])
def test_an_object_of_one_of_three_views_sinks_to_a_third(conf_type):
    views = [view(BOXES, [0.6, 0.9], [0, 1]), *(view(BOXES[:1], [0.6], [0], flip) for flip in FLIPS[1:3])]
    merged = merge(*views, conf_type=conf_type)
    assert merged.labels.tolist() == [0, 1]
    np.testing.assert_allclose(merged.scores, [0.6, 0.3], rtol=1e-6)
    np.testing.assert_allclose(merged.bboxes, BOXES, rtol=1e-6)


def test_an_empty_view_counts_as_one_that_found_nothing():
    views = [view(BOXES, [0.8, 0.6], [0, 1]), view([], [], [], "horizontal")]
    for order in (views, views[::-1]):
        np.testing.assert_allclose(merge(*order).scores, [0.4, 0.3], rtol=1e-6)


def test_views_that_are_all_empty_give_an_empty_result():
    merged = merge(view([], [], []), view([], [], [], "vertical"), weights=[1, 2], iou_thr=[0.5, 0.6])
    assert (merged.bboxes.shape, merged.scores.shape, merged.labels.shape) == ((0, 4), (0,), (0,))
    assert (merged.bboxes.dtype, merged.labels.dtype) == (torch.float32, torch.long)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes_stay(dtype):
    sample = view(BOXES, [0.5, 0.25], [0, 1], "horizontal")
    sample.pred_instances.bboxes = sample.pred_instances.bboxes.to(dtype)
    sample.pred_instances.scores = sample.pred_instances.scores.to(dtype)
    merged = merge(sample)
    assert (merged.bboxes.dtype, merged.scores.dtype) == (dtype, dtype)
    np.testing.assert_allclose(merged.bboxes.double(), BOXES, rtol=1e-2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_device_stays():
    merged = merge(view(BOXES, [0.5, 0.25], [0, 1]).to("cuda"), view(BOXES, [0.5, 0.25], [0, 1], "vertical").to("cuda"))
    assert {merged.bboxes.device.type, merged.scores.device.type, merged.labels.device.type} == {"cuda"}


def test_a_setting_a_class_is_taken_by_label():
    apart = [[10.0, 5.0, 60.0, 30.0], [10.0, 5.0, 50.0, 30.0]]  # IoU 0.8
    views = [view([box, box], [0.8, 0.6], [0, 1]) for box in apart]
    merged = merge(*views, iou_thr=[0.9, 0.7])
    assert sorted(merged.labels.tolist()) == [0, 0, 1]


def test_300_boxes_stay_unless_the_config_says_otherwise():
    corners = torch.stack(torch.meshgrid(torch.arange(40.0) * 5, torch.arange(10.0) * 8, indexing="ij"), -1)
    boxes = torch.cat([corners, corners + 4], dim=-1).reshape(-1, 4)
    sample = view(boxes, torch.linspace(0.1, 0.9, 400), torch.zeros(400))
    assert [len(merge(sample, **given)) for given in ({}, {"max_per_img": 2}, {"max_per_img": None})] == [300, 2, 400]
    np.testing.assert_allclose(merge(sample, max_per_img=2).scores[0], 0.9, rtol=1e-6)


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        ({"iou_threshold": 0.5}, "setting 'iou_threshold' is unknown, one of method, iou_thr, "),
        ({"conf_type": "median"}, "conf_type 'median' is unknown"),
        ({"within": {"iou_thr": 0.5}}, "within is for groups of models, views are none"),
        ([0.5], "settings are [0.5], a mapping is right"),
    ],
)
def test_a_wrong_setting_is_refused_when_the_model_is_built(fusion, message):
    with pytest.raises(InputError, match=re.escape(message)):
        FusionTTA(Detector(), fusion)


@pytest.mark.parametrize(
    ("fusion", "message"),
    [
        ({"weights": [1, 2, 3]}, "weights: 3 numbers for 2 models"),
        ({"skip_box_thr": [0.1]}, "skip_box_thr: 1 numbers for 2 models"),
        ({"iou_thr": [0.5]}, "iou_thr: 1 numbers for 2 classes"),
    ],
)
def test_settings_for_another_number_of_views_or_classes_are_refused(fusion, message):
    with pytest.raises(InputError, match=message):
        merge(view(BOXES, [0.5, 0.4], [0, 1]), view([], [], []), **fusion)


def test_masks_are_refused_whichever_view_has_them():
    views = [view([], [], []), view(BOXES, [0.5, 0.4], [0, 1])]
    views[1].pred_instances.masks = torch.zeros(2, HEIGHT, WIDTH, dtype=torch.bool)
    with pytest.raises(InputError, match="fuses boxes only, and this detector gives masks too"):
        merge(*views)


def test_a_view_that_does_not_tell_its_flip_is_refused():
    silent = view(BOXES, [0.5, 0.4], [0, 1])
    del silent.flip, silent.flip_direction
    with pytest.raises(InputError, match="view 2 does not tell flip, flip_direction; RandomFlip sets"):
        merge(view([], [], []), silent)


def views_of(data: dict[str, Any]) -> dict[str, Any]:
    """Images as they are, and flipped, as a data loader gives augmented views."""
    other = copy.deepcopy(data)
    other["inputs"] = [image.flip(-1) for image in data["inputs"]]
    for sample in other["data_samples"]:
        sample.set_metainfo({"flip": True, "flip_direction": "horizontal"})
    return {key: [data[key], other[key]] for key in data}


def test_a_config_builds_it_by_name_around_its_detector():
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        model = MODELS.build(ConfigDict(type="FusionTTA", module=tiny_cfg("fcos"), fusion={"iou_thr": 0.7}))
    assert type(model) is FusionTTA and type(model.module).__name__ == "FCOS"
    assert (model.settings.iou_thr, model.settings.max_per_img) == (0.7, 300)


@pytest.mark.parametrize("kind", ["faster", "fcos"])
def test_a_flipped_image_gives_flipped_boxes(kind):
    fusion = {"conf_type": "model_max", "one_vote": True}
    detector = build(tiny_cfg(kind))
    detector.test_cfg.get("rcnn", detector.test_cfg).score_thr = 0.0
    model = FusionTTA(detector, fusion)
    data = batch(size=(64, 96))
    mirrored = {**copy.deepcopy(data), "inputs": [image.flip(-1) for image in data["inputs"]]}
    for found, other in zip(
        predictions_of(model, views_of(data)), predictions_of(model, views_of(mirrored)), strict=True
    ):
        x1, y1, x2, y2 = other["bboxes"].unbind(1)
        other["bboxes"] = torch.stack([96 - x2, y1, 96 - x1, y2], dim=1)
        here, there = (as_points(result) for result in (found, other))
        assert len(here) == len(there) > 10
        # Boxes of equal scores may come in another order.
        distances = torch.cdist(here, there)
        assert max(distances.min(dim=0).values.max(), distances.min(dim=1).values.max()) < 1e-2


def as_points(result: dict[str, Tensor]) -> Tensor:
    """Boxes, scores and labels as one point each, far from each other where they are not the same."""
    return torch.cat([result["bboxes"], result["scores"][:, None] * 1e3, result["labels"][:, None] * 1e3], 1).double()
