# SSD512, VGG-16, 25.7 M parameters: the oldest of the one-stage detectors, 120 epochs at 512 px.
_base_ = [
    "../_base_/models/ssd512.py",
    "../_base_/datasets/trash_512.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

max_epochs = 120
# Every image is stretched to a square: the levels run out of cells when one side is short.
resize = dict(type="Resize", scale=_base_.img_scale, keep_ratio=False)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Expand", mean=_base_.model.data_preprocessor.mean, to_rgb=True, ratio_range=(1, 4)),
    dict(type="MinIoURandomCrop", min_ious=(0.1, 0.3, 0.5, 0.7, 0.9), min_crop_size=0.3),
    resize,
    dict(type="RandomFlip", prob=0.5),
    dict(type="PhotoMetricDistortion"),
    dict(type="PackDetInputs"),
]
test_pipeline = [resize if step.type == "Resize" else step for step in _base_.test_pipeline]
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(step, keep_ratio=False) for step in _base_.tta_pipeline[1].transforms[0]],
            *_base_.tta_pipeline[1].transforms[1:],
        ],
    ),
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(optimizer=dict(lr=0.002, weight_decay=5e-4))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=max_epochs, milestones=[80, 110], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=64)
