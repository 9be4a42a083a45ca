import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmengine.registry import DefaultScope
from torch import nn

from mmdet_trash.engine.hooks import ClassBalanceHook
from mmdet_trash.engine.hooks.class_balance_hook import count_boxes, scale_class_weight
from mmdet_trash.errors import InputError
from mmdet_trash.models.losses import CrossEntropyLoss, FocalLoss, effective_number_weights
from mmdet_trash.registry import DATASETS
from tests.builders import coco, write_jpeg, write_json
from tests.models.tiny_detectors import build, losses_of, tiny_cfg, total

BOXES = [(0, 0, [1, 1, 20, 20]), (0, 0, [30, 1, 20, 20]), (0, 1, [1, 30, 20, 20]), (1, 0, [1, 1, 20, 20])]
COUNTS = [3, 1, 0]


@pytest.fixture
def dataset_cfg(tmp_path):
    """Three classes with 3, 1 and 0 boxes, and a crowd of the last."""
    content = coco(boxes=[*BOXES, (1, 2, [30, 1, 20, 20])], categories=(0, 1, 2))
    content["annotations"][-1]["iscrowd"] = 1
    write_json(tmp_path / "train.json", content)
    for image in content["images"]:
        write_jpeg(tmp_path / image["file_name"])
    return {"type": "TrashDataset", "data_root": str(tmp_path), "ann_file": "train.json", "pipeline": []}


def built(cfg):
    with DefaultScope.overwrite_default_scope("mmdet_trash"):
        return DATASETS.build(cfg)


def runner(model, dataset):
    return SimpleNamespace(model=model, train_dataloader=SimpleNamespace(dataset=dataset))


def with_classes(kind, count):
    cfg = tiny_cfg(kind)
    for node in cfg.roi_head.bbox_head if kind == "cascade" else [cfg.bbox_head]:
        node.num_classes = count
    return cfg


def test_boxes_are_counted_once_through_wrappers(dataset_cfg):
    assert count_boxes(built(dataset_cfg), 3).tolist() == COUNTS
    repeated = {"type": "RepeatDataset", "times": 2, "dataset": dataset_cfg}
    joined = {"type": "ConcatDataset", "datasets": [dataset_cfg, copy.deepcopy(repeated)]}
    mixed = {"type": "MultiImageMixDataset", "dataset": dataset_cfg, "pipeline": []}
    for cfg, times in ((repeated, 1), (joined, 2), (mixed, 1)):
        assert count_boxes(built(cfg), 3).tolist() == [times * count for count in COUNTS]


@pytest.mark.parametrize("kind", ["cascade", "retina"])
def test_every_head_that_tells_the_classes_apart_weighs_them(dataset_cfg, kind):
    model = build(with_classes(kind, 3))
    ClassBalanceHook(beta=0.9).before_train(runner(model, built(dataset_cfg)))
    weights = effective_number_weights(COUNTS, 0.9).tolist()
    losses = [module for module in model.modules() if isinstance(module, CrossEntropyLoss | FocalLoss)]
    weighed = [loss for loss in losses if loss.class_weight is not None]
    # Three stages and the supervision of laterals; or the head and that.
    assert len(weighed) == {"cascade": 4, "retina": 2}[kind]
    for loss in weighed:
        assert loss.class_weight == pytest.approx(weights if loss.use_sigmoid else [*weights, 1.0])
    if kind == "cascade":
        assert model.rpn_head.loss_cls.class_weight is None
    assert torch.isfinite(total(losses_of(model)))


def head(loss: nn.Module, in_roi_head: bool = False) -> nn.Module:
    made = BBoxHead(num_classes=2, in_channels=1, roi_feat_size=1) if in_roi_head else nn.Module()
    made.loss_cls = loss
    return made


@pytest.mark.parametrize(
    ("loss", "in_roi_head", "expected"),
    [
        (CrossEntropyLoss(), False, [0.5, 1.5, 1.0]),
        (CrossEntropyLoss(class_weight=[1.0, 2.0, 0.1]), False, [0.5, 3.0, 0.1]),
        (CrossEntropyLoss(class_weight=torch.tensor([1.0, 2.0, 0.1])), True, [0.5, 3.0, 0.1]),
        (CrossEntropyLoss(use_sigmoid=True), False, [0.5, 1.5]),
        (CrossEntropyLoss(use_sigmoid=True), True, [0.5, 1.5, 1.0]),
        (FocalLoss(), False, [0.5, 1.5]),
        (FocalLoss(class_weight=[1.0, 2.0, 0.1]), False, [0.5, 3.0]),
        (FocalLoss(use_sigmoid=False, class_weight=[1.0, 2.0]), True, [0.5, 3.0, 1.0]),
    ],
)
def test_there_is_a_weight_for_each_channel_and_stated_ones_are_multiplied(loss, in_roi_head, expected):
    made = head(loss, in_roi_head)
    scale_class_weight(made, np.array([0.5, 1.5]))
    assert loss.class_weight == pytest.approx(expected)
    logits, labels = torch.zeros(4, 3 if in_roi_head or not loss.use_sigmoid else 2), torch.tensor([0, 1, 2, 2])
    assert torch.isfinite(loss(logits, labels))


def test_a_head_of_other_classes_is_told(dataset_cfg):
    with pytest.raises(InputError, match=r"^ClassBalanceHook: no head has a loss_cls of the data's 3 classes$"):
        ClassBalanceHook().before_train(runner(build(tiny_cfg("retina")), built(dataset_cfg)))


def test_a_loss_without_weights_is_told():
    with pytest.raises(InputError, match=r"^ClassBalanceHook: Identity of Module takes no class_weight; Cross"):
        scale_class_weight(head(nn.Identity()), np.ones(3))


def test_a_beta_out_of_range_is_told_when_a_config_is_built():
    with pytest.raises(InputError, match=r"^beta: 1\.0 is given"):
        ClassBalanceHook(beta=1.0)
