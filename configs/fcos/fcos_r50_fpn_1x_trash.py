# FCOS, ResNet-50, 12 epochs at 1024 px: one stage without anchors.
_base_ = [
    "../_base_/models/fcos_r50_fpn.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

optim_wrapper = dict(
    optimizer=dict(lr=0.01),
    paramwise_cfg=dict(bias_lr_mult=2.0, bias_decay_mult=0.0),
)
