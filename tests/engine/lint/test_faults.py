"""Each fault that is planted in a small config is found at its line, and nothing else is."""

from pathlib import Path

import pytest

from tests.engine.lint.texts import (
    BASES,
    CASCADE,
    CHOICE,
    FASTER,
    MASK_RCNN,
    MOSAIC,
    RESIZE,
    RETINANET,
    YOLOX,
    pipeline,
)

FAULTS = {
    "key twice in a dict": (
        CASCADE,
        'work = {\n    "a": 1,\n    "b": 2,\n    "a": 3,  # here\n}',
        "'a' stands in this dict at line 3 already",
    ),
    "name twice": (
        CASCADE,
        "max_keep = 3\nmax_keep = 4  # here",
        "max_keep is assigned at line 2 already, and nothing reads that value",
    ),
    "model twice": (
        CASCADE,
        "model = dict(neck=dict(num_outs=5))\nmodel = dict(  # here\n    backbone=dict(depth=50),\n)",
        "model is assigned at line 2 already",
    ),
    "base reference": (
        CASCADE,
        "channels = _base_.model.nek.out_channels  # here",
        "_base_.model.nek is in none of the files that _base_ names; 'neck' is the nearest there is",
    ),
    "base reference by index": (
        CASCADE,
        "head = _base_.model.roi_head.bbox_head[0].nms  # here",
        "_base_.model.roi_head.bbox_head.0.nms is in none of the files",
    ),
    "base reference in braces": (
        CASCADE,
        "\nscale = {{_base_.image_scale}}  # here",
        "_base_.image_scale is in none of the files that _base_ names; 'img_scale' is the nearest there is",
    ),
    "braces in quotes": (
        CASCADE,
        "scale = '{{_base_.img_scale}}'  # here",
        "{{_base_.img_scale}} in quotes is not replaced; _base_.img_scale without quotes is right",
    ),
    "bases that share a name": (
        [BASES / "schedules" / "schedule_1x.py", BASES / "schedules" / "schedule_2x.py"],
        "",
        "schedule_2x.py:4 both define 'train_cfg', and no two files in _base_ may",
    ),
    "momentum of SGD": (
        CASCADE,
        'optim_wrapper = dict(\n    optimizer=dict(type="AdamW", lr=1e-4),  # here\n)',
        "'momentum' of configs/_base_/schedules/schedule_1x.py:9 stays, and AdamW does not take it; _delete_=True",
    ),
    "two keys of another optimizer": (
        YOLOX,
        'optim_wrapper = dict(optimizer=dict(type="AdamW"))  # here',
        "'momentum' and 'nesterov' of configs/_base_/schedules/schedule_yolo_300e.py:11 stay, and AdamW does not take",
    ),
    "neck of another type": (
        CASCADE,
        'model = dict(\n    neck=dict(\n        type="BFP",  # here\n        num_levels=5,\n    ),\n)',
        "'out_channels' and 'num_outs' of configs/_base_/models/resnet50_fpn.py:21 stay, and BFP does not take them",
    ),
    "sampler of another type": (
        CASCADE,
        'train_dataloader = dict(sampler=dict(type="ClassAwareSampler"))  # here',
        "'shuffle' of configs/_base_/datasets/trash_detection.py:24 stays, and ClassAwareSampler does not take it",
    ),
    "delete in a list": (
        CASCADE,
        'param_scheduler = [\n    dict(type="ConstantLR", factor=1.0, _delete_=True),  # here\n]',
        "_delete_ is handed to ConstantLR",
    ),
    "delete of nothing": (
        CASCADE,
        'model = dict(\n    neck=dict(init_cfg=dict(_delete_=True, type="Xavier")),  # here\n)',
        "_delete_ is handed to XavierInit",
    ),
    "head of another number": (
        MASK_RCNN,
        "model = dict(\n    roi_head=dict(mask_head=dict(\n        num_classes=9,  # here\n    )),\n)",
        "num_classes is 9, and the other heads have 10; num_classes=10 is right",
    ),
    "background of 1.x": (
        FASTER,
        'train_dataloader = dict(dataset=dict(metainfo=dict(classes=("a", "b"))))\n'
        "model = dict(roi_head=dict(bbox_head=dict(num_classes=3)))  # here",
        "mine.py:2 are 2 (background is no class since MMDetection 2.0); num_classes=2 is right",
    ),
    "classes of two datasets": (
        FASTER,
        'train_dataloader = dict(dataset=dict(metainfo=dict(classes=("a", "b"))))\n'
        'val_dataloader = dict(dataset=dict(metainfo=dict(classes=("b", "a"))))  # here\n'
        "model = dict(roi_head=dict(bbox_head=dict(num_classes=2)))",
        "the classes are not those at ",
    ),
    "classes that are text": (
        FASTER,
        "train_dataloader = dict(dataset=dict(metainfo=dict(classes=('trash'))))  # here",
        "classes are the text 'trash', whose letters become classes; ('trash',) is right",
    ),
    "milestones too late": (
        CASCADE,
        "train_cfg = dict(max_epochs=10)\n"
        'param_scheduler = [\n    dict(type="MultiStepLR", milestones=[8, 11]),  # here\n]',
        "of the milestones [8, 11] it never gets to 11: max_epochs is 10; below 10 is right",
    ),
    "milestones after the end": (
        CASCADE,
        "train_cfg = dict(max_epochs=24)\n"
        'param_scheduler = [dict(type="MultiStepLR", end=12, milestones=[16, 22])]  # here',
        "of the milestones [16, 22] it never gets to 16 and 22: its end is 12; below 12 is right",
    ),
    "warm-up that never ends": (
        CASCADE,
        'train_cfg = dict(max_epochs=2)\nparam_scheduler = [dict(type="LinearLR", start_factor=0.1, end=3)]  # here',
        "LinearLR ends at 3, and max_epochs is 2: it is cut off; 2 or less is right",
    ),
    "begin too late": (
        CASCADE,
        'param_scheduler = [dict(type="ConstantLR", factor=0.1, begin=12, end=20)]  # here',
        "ConstantLR begins at 12, and max_epochs is 12; below 12 is right",
    ),
    "cosine cut off": (
        CASCADE,
        'param_scheduler = [dict(type="CosineAnnealingLR", T_max=24, end=24, convert_to_iter_based=True)]  # here',
        "CosineAnnealingLR is at its lowest at 24, and max_epochs is 12: its end is cut off; T_max=12 and end=12",
    ),
    "cosine too short": (
        CASCADE,
        'train_cfg = dict(max_epochs=24)\nparam_scheduler = [dict(type="CosineAnnealingLR", T_max=12, end=12)]  # here',
        "CosineAnnealingLR ends at 12, and max_epochs is 24: the rest is trained at the minimum; T_max=24 and end=24",
    ),
    "cosine that rises": (
        CASCADE,
        'param_scheduler = [dict(type="CosineAnnealingLR", T_max=6)]  # here',
        "CosineAnnealingLR is at its lowest at 6 and rises again until 12; T_max=12 and end=12 are right",
    ),
    "cosine of iterations": (
        CASCADE,
        'train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=1000)\n'
        'param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=False, T_max=900, end=900)]  # here',
        "CosineAnnealingLR ends at 900, and max_iters is 1000: the rest is trained at the minimum",
    ),
    "epochs in a training by iterations": (
        CASCADE,
        'train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=1000)\n'
        'param_scheduler = [dict(type="MultiStepLR", milestones=[8, 11])]  # here',
        "MultiStepLR counts epochs, of which a training by iterations has none",
    ),
    "mixing that is closed": (
        MOSAIC,
        "default_hooks = dict(\n    augmentation=dict(close=12),  # here\n)",
        "close is 12, and max_epochs 12: no image is ever mixed; below 12 is right",
    ),
    "validation too late": (
        CASCADE,
        "train_cfg = dict(val_interval=20)  # here",
        "val_interval is 20, and max_epochs 12: the last epoch alone is validated; 12 or less is right",
    ),
    "COCO's size in test": (
        FASTER,
        pipeline(RESIZE.format("(1333, 800)"), "val"),
        "1333x800 shrinks images of 1024x1024 to 800 px, by its short side; 1024x1024 keeps their size, 800x800",
    ),
    "sizes of training that all shrink": (
        FASTER,
        pipeline(CHOICE.format("[(1333, 640), (1333, 1000)]")),
        "1333x1000 shrinks images of 1024x1024 to 1000 px",
    ),
    "test size that is not trained": (
        FASTER,
        pipeline(RESIZE.format("(512, 512)"), "test"),
        "images of 1024x1024 are tested at 512 px, and trained at 1024; a size of the training's is right",
    ),
    "test size beyond mosaics": (
        YOLOX,
        pipeline(RESIZE.format("(1024, 1024)"), "val"),
        "images of 1024x1024 are tested at 1024 px, and trained at 480 to 800",
    ),
    "unknown backbone": (
        CASCADE,
        'model = dict(backbone=dict(type="ResNett"))  # here',
        "type 'ResNett' is unknown; 'ResNet' is the nearest there is",
    ),
    "unknown optimizer": (
        CASCADE,
        'optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdmW", lr=1e-4))  # here',
        "type 'AdmW' is unknown; 'AdamW' is the nearest there is",
    ),
    "unknown transform": (
        FASTER,
        pipeline('dict(type="RandomFlipp", prob=0.5)'),
        "type 'RandomFlipp' is unknown; 'RandomFlip' is the nearest there is",
    ),
    "unknown hook": (
        CASCADE,
        'custom_hooks = [dict(type="ClassBalancHook")]  # here',
        "type 'ClassBalancHook' is unknown; 'ClassBalanceHook' is the nearest there is",
    ),
    "unknown scheduler": (
        CASCADE,
        'param_scheduler = [dict(type="CosineAnnealing", T_max=12)]  # here',
        "type 'CosineAnnealing' is unknown; 'CosineAnnealingLR' is the nearest there is",
    ),
    "unknown evaluator": (
        CASCADE,
        'val_evaluator = dict(type="TrashMetrics")  # here',
        "type 'TrashMetrics' is unknown; 'TrashMetric' is the nearest there is",
    ),
    "unknown loop": (
        CASCADE,
        'train_cfg = dict(type="EpochTrainLoop")  # here',
        "type 'EpochTrainLoop' is unknown; 'EpochBasedTrainLoop' is the nearest there is",
    ),
    "unknown backend of the visualizer": (
        CASCADE,
        'visualizer = dict(vis_backends=[dict(type="TensorboardBackend")])  # here',
        "type 'TensorboardBackend' is unknown; 'TensorboardVisBackend' is the nearest there is",
    ),
    "unknown norm": (
        CASCADE,
        'model = dict(backbone=dict(norm_cfg=dict(type="SyncBNN")))  # here',
        "type 'SyncBNN' is unknown; 'SyncBN' is the nearest there is",
    ),
    "unknown suppression": (
        RETINANET,
        'model = dict(test_cfg=dict(nms=dict(type="softnms")))  # here',
        "nms type 'softnms' is unknown; did you mean 'soft_nms'?",
    ),
    "package that is not there": (
        CASCADE,
        'model = dict(backbone=dict(_delete_=True, type="mmnothing.ConvNeXt"))  # here',
        "type 'mmnothing.ConvNeXt' is of mmnothing, which is not installed; installing mmnothing is right",
    ),
    "unknown argument": (
        CASCADE,
        'model = dict(\n    neck=dict(\n        type="AugFPN",\n        pool_ratio=(0.1, 0.2),  # here\n    ),\n)',
        "AugFPN takes no argument 'pool_ratio'; 'pool_ratios' is the nearest that it takes",
    ),
    "unknown argument of a base class": (
        CASCADE,
        "train_dataloader = dict(dataset=dict(serialise_data=False))  # here",
        "TrashDataset takes no argument 'serialise_data'; 'serialize_data' is the nearest that it takes",
    ),
    "unknown argument of a norm": (
        CASCADE,
        "model = dict(backbone=dict(norm_cfg=dict(momentun=0.03)))  # here",
        "BatchNorm2d takes no argument 'momentun'; 'momentum' is the nearest that it takes",
    ),
    "argument in the wrong place": (
        CASCADE,
        "optim_wrapper = dict(optimizer=dict(paramwise_cfg=dict(norm_decay_mult=0.0)))  # here",
        "SGD takes no argument 'paramwise_cfg'",
    ),
    "scope that is not ours": (
        [BASES / "models" / "cascade-rcnn_r50_fpn.py", BASES / "datasets" / "trash_detection.py"],
        'default_scope = "mmdet"\nmodel = dict(neck=dict(type="AugFPN"))  # here',
        "type 'AugFPN' is of mmdet_trash, and default_scope is 'mmdet'; default_scope = 'mmdet_trash'",
    ),
    "IoU loss of deltas in a first stage": (
        CASCADE,
        'model = dict(rpn_head=dict(loss_bbox=dict(_delete_=True, type="GIoULoss")))  # here',
        "GIoULoss compares boxes, and RPNHead hands it deltas; reg_decoded_bbox=True beside loss_bbox decodes",
    ),
    "IoU loss of deltas in a second stage": (
        FASTER,
        'model = dict(roi_head=dict(bbox_head=dict(loss_bbox=dict(type="WIoULoss"))))  # here',
        "WIoULoss compares boxes, and Shared2FCBBoxHead hands it deltas",
    ),
    "IoU loss of deltas, MMDetection's": (
        RETINANET,
        'model = dict(bbox_head=dict(loss_bbox=dict(type="mmdet.CIoULoss")))  # here',
        "CIoULoss compares boxes, and RetinaHead hands it deltas",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_the_one_that_is_found(name, findings):
    base, text, message = FAULTS[name]
    found = findings(base, text)
    assert len(found) == 1, list(map(str, found))
    assert message in str(found[0])
    lines = [number for number, line in enumerate(text.splitlines(), 2) if line.endswith("# here")] or [1]
    assert (Path(found[0].place.file).name, found[0].place.line) == ("mine.py", lines[0])
