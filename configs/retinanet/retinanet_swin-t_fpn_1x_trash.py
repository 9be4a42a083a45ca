# RetinaNet, Swin-T, 37.0 M parameters: a transformer of ResNet-50's size, 12 epochs of AdamW at 1024 px.
_base_ = [
    "../_base_/models/retinanet_r50_fpn.py",
    "../_base_/backbones/swin_t.py",
    "../_base_/datasets/trash_detection.py",
    "../_base_/schedules/schedule_adamw_1x.py",
    "../_base_/default_runtime.py",
]

# Only the stages that the pyramid reads: a normalisation that none does would have no gradient.
model = dict(
    backbone=dict(_base_.swin_t, _delete_=True, out_indices=(1, 2, 3)),
    neck=dict(in_channels=_base_.swin_t_channels[1:], start_level=0),
)
