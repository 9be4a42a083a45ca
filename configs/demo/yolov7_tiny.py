# YOLOv7-tiny of half width for two CPU cores, 256 px; minutes on a few hundred images.
_base_ = [
    "../_base_/models/yolov7_tiny.py",
    "../_base_/datasets/trash_256.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

max_epochs = 40

model = dict(
    backbone=dict(widen_factor=0.5),
    neck=dict(in_channels=[64, 128, 256], out_channels=[64, 128, 256]),
    bbox_head=dict(
        in_channels=[64, 128, 256],
        anchors=[
            [(31, 47), (50, 32), (48, 50)],
            [(47, 70), (68, 49), (65, 69)],
            [(89, 74), (78, 98), (111, 108)],
        ],
        img_size=None,  # the losses' weights as they stand
        loss_cls=dict(loss_weight=1.0),
    ),
)

train_dataloader = dict(batch_size=4)

train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type="AdamW", lr=2e-3, weight_decay=0.05),
    paramwise_cfg=dict(custom_keys=dict(added=dict(decay_mult=0.0), multiplied=dict(decay_mult=0.0))),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", eta_min_ratio=0.02, T_max=max_epochs, end=max_epochs, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=10))
