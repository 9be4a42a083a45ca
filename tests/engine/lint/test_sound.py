"""What people rightly do is left alone, also where it looks like a fault."""

import pytest

from mmdet_trash.engine.lint import check_config
from tests.builders import ROOT
from tests.engine.lint.texts import BASES, CASCADE, CHOICE, CONFIGS, FASTER, RESIZE, RETINANET, YOLOX, pipeline

SOUND = {
    "a name that is read before it is assigned again": (
        CASCADE,
        "pipeline = _base_.train_pipeline\npipeline = [*pipeline[:3]]\nif True:\n    size = 1\nsize = 2",
    ),
    "a name that a function reads": (CASCADE, "size = 1\ndef area():\n    return size\nsize = 2"),
    "dicts of a base, changed": (CASCADE, "head = dict(_base_.model.roi_head.bbox_head[0], num_classes=10)"),
    "get of a base": (CASCADE, 'hooks = _base_.get("custom_hooks", [])'),
    "an optimizer instead of another": (
        CASCADE,
        'optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-4), accumulative_counts=4)',
    ),
    "mixed precision by its wrapper": (
        CASCADE,
        'optim_wrapper = dict(type="AmpOptimWrapper", loss_scale="dynamic", paramwise_cfg=dict(norm_decay_mult=0.0),'
        ' constructor="DefaultOptimWrapperConstructor")',
    ),
    "as many classes as the data may have": (FASTER, "model = dict(roi_head=dict(bbox_head=dict(num_classes=3)))"),
    "classes that agree": (
        FASTER,
        'meta = dict(classes=("a", "b"))\nmodel = dict(roi_head=dict(bbox_head=dict(num_classes=2)))\n'
        "train_dataloader = dict(dataset=dict(metainfo=meta))\nval_dataloader = dict(dataset=dict(metainfo=meta))",
    ),
    "a longer schedule": (
        CASCADE,
        'train_cfg = dict(max_epochs=36)\nparam_scheduler = [\n    dict(type="LinearLR", by_epoch=False, end=1000),\n'
        '    dict(type="MultiStepLR", begin=0, end=36, milestones=[27, 33]),\n]',
    ),
    "flat, a cosine, flat": (
        CASCADE,
        'train_cfg = dict(max_epochs=100)\nparam_scheduler = [\n    dict(type="ConstantLR", factor=1.0, end=5),\n'
        '    dict(type="CosineAnnealingLR", begin=5, T_max=80, end=85, convert_to_iter_based=True),\n'
        '    dict(type="ConstantLR", factor=1.0, begin=85, end=100),\n]',
    ),
    "a cosine of an odd half": (
        CASCADE,
        "train_cfg = dict(max_epochs=25)\n"
        'param_scheduler = [dict(type="CosineAnnealingLR", begin=12, T_max=12, end=25)]',
    ),
    "iterations, whose number is the data's": (
        CASCADE,
        'param_scheduler = [dict(type="CosineAnnealingLR", by_epoch=False, T_max=90000, end=90000)]',
    ),
    "training by iterations": (
        CASCADE,
        'train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=1000, val_interval=2000)\n'
        'param_scheduler = [dict(type="MultiStepLR", by_epoch=False, milestones=[800])]',
    ),
    "schedules of several optimizers": (
        CASCADE,
        'train_cfg = dict(_delete_=True, type="IterBasedTrainLoop", max_iters=1000)\n'
        'param_scheduler = dict(_delete_=True, head=[dict(type="MultiStepLR", by_epoch=False, milestones=[800])])',
    ),
    "no validation": (
        CASCADE,
        "val_dataloader = None\nval_cfg = None\nval_evaluator = None\ntrain_cfg = dict(val_interval=100)",
    ),
    "a crop that is resized": (
        FASTER,
        pipeline('dict(type="RandomCrop", crop_size=(512, 512)), dict(type="Resize", scale=(800, 800))'),
    ),
    "a scope of one's own": (CASCADE, 'default_scope = "mine"'),
    "sizes around the tested one": (
        FASTER,
        pipeline(CHOICE.format("[(size, 2000) for size in range(480, 1201, 32)]")),
    ),
    "a size range": (
        FASTER,
        pipeline('dict(type="RandomResize", scale=(1024, 1024), ratio_range=(0.1, 2.0), keep_ratio=True)'),
    ),
    "DETR's two ways": (
        FASTER,
        pipeline(
            'dict(type="RandomChoice", transforms=[[dict(type="RandomChoiceResize", scales=[(480, 2000), (1200, 2000)],'
            ' keep_ratio=True)], [dict(type="RandomChoiceResize", scales=[(400, 4200), (600, 4200)], keep_ratio=True),'
            ' dict(type="RandomCrop", crop_type="absolute_range", crop_size=(384, 600), allow_negative_crop=True)]])'
        ),
    ),
    "a small square": (YOLOX, ""),
    "another library's transforms": (
        FASTER,
        pipeline(
            'dict(type="Albu", transforms=[dict(type="ShiftScaleRotate", shift_limit=0.1)],'
            ' bbox_params=dict(type="BboxParams", format="pascal_voc"))'
        ),
    ),
    "a wrapped dataset": (
        CASCADE,
        'train_dataloader = dict(dataset=dict(_delete_=True, type="RepeatDataset", times=2,'
        " dataset=_base_.train_dataloader.dataset))",
    ),
    "what heads take apart": (
        RETINANET,
        'model = dict(backbone=dict(dcn=dict(type="DCN", deform_groups=1, fallback_on_stride=False),'
        " stage_with_dcn=(False, True, True, True), plugins=[dict(cfg=dict(type='ContextBlock', ratio=1 / 16),"
        " stages=(False, True, True, True), position='after_conv3')]),"
        ' bbox_head=dict(conv_cfg=dict(type="ConvWS"), norm_cfg=dict(type="GN", num_groups=32, requires_grad=True),'
        ' init_cfg=dict(type="Normal", layer="Conv2d", std=0.01, override=dict(type="Normal", name="retina_cls",'
        " std=0.01, bias_prob=0.01))))",
    ),
    "boxes that are decoded": (
        FASTER,
        'model = dict(roi_head=dict(bbox_head=dict(reg_decoded_bbox=True, loss_bbox=dict(type="SIoULoss"))))',
    ),
    "heads that decode by themselves": ([CONFIGS / "atss" / "atss_r50_fpn_1x_trash.py"], ""),
    "a head of another loss": (
        RETINANET,
        'model = dict(bbox_head=dict(type="DDODHead", loss_bbox=dict(type="GIoULoss"),'
        ' loss_iou=dict(type="CrossEntropyLoss", use_sigmoid=True)))',
    ),
    "MMDetection's own names": (
        [BASES / "models" / "cascade-rcnn_r50_fpn.py", BASES / "schedules" / "schedule_1x.py"],
        'default_scope = "mmdet"\nval_evaluator = dict(type="CocoMetric", metric="bbox")\n'
        'train_dataloader = dict(dataset=dict(type="CocoDataset", ann_file="train.json"))',
    ),
    "a part of a config": ([BASES / "models" / "cascade-rcnn_r50_fpn.py"], 'model = dict(neck=dict(type="AugFPN"))'),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_is_left_alone(name, findings):
    assert list(map(str, findings(*SOUND[name]))) == []


OPTIONS = {
    "train_cfg.max_epochs": (
        6,
        "configs/_base_/schedules/schedule_1x.py:14: of the milestones [8, 11] it never gets to",
    ),
    "optim_wrapper.optimizer.type": ("AdamW", "--cfg-options: 'momentum' of configs/_base_/schedules/schedule_1x.py:9"),
    "model.backbone.depht": (18, "--cfg-options: ResNet takes no argument 'depht'; 'depth' is the nearest"),
    "param_scheduler.1.milestones": ([12], "--cfg-options: of the milestones [12] it never gets to 12"),
    "model.roi_head.bbox_head.2.num_classes": (
        11,
        "--cfg-options: num_classes is 11, and the other heads have 10 (back",
    ),
}


@pytest.mark.parametrize("key", OPTIONS)
def test_options_are_looked_at_as_if_the_config_said_so(key, loader, monkeypatch):
    monkeypatch.chdir(ROOT)
    value, message = OPTIONS[key]
    (found,) = check_config(str(CASCADE), {key: value}, loader=loader)
    assert str(found).startswith(message)


def test_schedules_that_follow_are_fine(loader):
    options = {"train_cfg.max_epochs": 6, "param_scheduler.1.milestones": [4, 5], "param_scheduler.1.end": 6}
    assert check_config(str(CASCADE), options, loader=loader) == []


def test_a_size_shrinks_images_that_are_not_wide(findings):
    text = pipeline(RESIZE.format("(1333, 800)"))
    both = f"{text}\n{text.replace('train', 'val')}\n{text.replace('train', 'test')}"
    assert len(findings(FASTER, both)) == 3
    assert findings(FASTER, both, image_size=(1920, 1080)) == [], "1333 is what it says"
    assert findings(FASTER, both, image_size=(640, 480)) == []


@pytest.mark.parametrize("custom_keys", ["dict()", "dict(backbone=dict(lr_mult=0.1))"])
def test_a_transformers_backbone_has_its_own_learning_rate(findings, custom_keys):
    model = (
        'model = dict(type="DeformableDETR", backbone=_base_.model.backbone, _delete_=True)\n'
        f"optim_wrapper = dict(paramwise_cfg=dict(custom_keys={custom_keys}))"
    )
    found = findings(RETINANET, model)
    assert len(found) == (custom_keys == "dict()")
    assert all("DeformableDETR's pretrained backbone has the learning rate of the rest" in str(each) for each in found)


@pytest.mark.parametrize(
    "text",
    [
        'param_scheduler = [dict(type="MultiStepLR", milestones="all", begin=None, end="x")]',
        "param_scheduler = None\ntrain_cfg = None",
        "train_dataloader = dict(dataset=dict(metainfo=('a',), ann_file=None))",
        "train_pipeline = 3\ntrain_dataloader = dict(dataset=dict(pipeline=[3, None, {}]))\nmodel = None",
        'optim_wrapper = dict(paramwise_cfg=3)\nmodel = dict(neck=3, backbone=dict(init_cfg="x"))',
        "val_dataloader = dict(dataset=dict(pipeline=[dict(type='Resize', scale='x', keep_ratio=True)]))",
    ],
)
def test_values_of_a_wrong_kind_are_left_to_what_takes_them(findings, text):
    assert findings(CASCADE, text) == []
