# ATSS, ResNet-50, 12 epochs at 1024 px: the strongest of the plain one-stage detectors.
_base_ = [
    "../_base_/models/atss_r50_fpn.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

optim_wrapper = dict(optimizer=dict(lr=0.01))
