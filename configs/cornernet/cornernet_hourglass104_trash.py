# CornerNet, Hourglass-104, 201.0 M parameters: 210 epochs at 512 px, from random weights. (The paper's 511 px give the
# same maps of 128 x 128.)
_base_ = [
    "../_base_/models/cornernet_hourglass104.py",
    "../_base_/datasets/trash_512.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

max_epochs = 210
preprocessor = _base_.model.data_preprocessor
resize = dict(type="Resize", scale=_base_.img_scale, keep_ratio=True)

train_pipeline = [
    dict(type="LoadImageFromFile", to_float32=True),
    dict(type="LoadAnnotations", with_bbox=True),
    resize,
    dict(type="PhotoMetricDistortion"),
    # A window of 0.6 to 1.3 times the size, around a random place.
    dict(
        type="RandomCenterCropPad",
        crop_size=_base_.img_scale,
        ratios=(0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3),
        mean=preprocessor.mean,
        std=preprocessor.std,
        to_rgb=preprocessor.bgr_to_rgb,
        test_pad_mode=None,
    ),
    resize,
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(batch_size=6, dataset=dict(pipeline=train_pipeline))

train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="Adam", lr=5e-4))
param_scheduler = [
    dict(type="LinearLR", start_factor=1 / 3, by_epoch=False, begin=0, end=500),
    dict(type="MultiStepLR", by_epoch=True, begin=0, end=max_epochs, milestones=[180], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=48)
