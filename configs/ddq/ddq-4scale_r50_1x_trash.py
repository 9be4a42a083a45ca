# DDQ, ResNet-50, 12 epochs at 480 to 1200 px: DINO with distinct queries, which repeat an object less.
_base_ = [
    "../_base_/models/ddq-4scale_r50.py",
    "../_base_/datasets/trash_multiscale.py",
    "../_base_/schedules/schedule_detr_12e.py",
    "../_base_/default_runtime.py",
]

optim_wrapper = dict(optimizer=dict(lr=2e-4, weight_decay=0.05))
param_scheduler = [
    dict(type="LinearLR", start_factor=1e-4, by_epoch=False, begin=0, end=2000),
    *_base_.param_scheduler,
]
