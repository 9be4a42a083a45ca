# YOLOF, ResNet-50, 42.5 M parameters: one level instead of a pyramid, 12 epochs at 1024 px. Published on weights of
# Caffe's style, here on those of the other ResNet-50 configs.
_base_ = [
    "../_base_/models/yolof_r50_c5.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

train_pipeline = [
    *_base_.train_pipeline[:-1],
    dict(type="RandomShift", prob=0.5, max_shift_px=32),
    _base_.train_pipeline[-1],
]
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))

optim_wrapper = dict(
    optimizer=dict(lr=0.12),
    paramwise_cfg=dict(norm_decay_mult=0.0, custom_keys=dict(backbone=dict(lr_mult=1 / 3))),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=1 / 1500, by_epoch=False, begin=0, end=1500),
    _base_.param_scheduler[1],
]
auto_scale_lr = dict(base_batch_size=64)
