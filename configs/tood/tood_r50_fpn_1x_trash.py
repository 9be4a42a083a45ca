# TOOD, ResNet-50, 32.0 M parameters: one stage that aligns classes and boxes, 12 epochs at 1024 px.
_base_ = [
    "../_base_/models/tood_r50_fpn.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

optim_wrapper = dict(optimizer=dict(lr=0.01))
