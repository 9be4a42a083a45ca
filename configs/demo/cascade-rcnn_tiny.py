# Cascade R-CNN for two CPU cores: ResNet-18 of half width, 256 px, 64 RoIs; minutes on a few hundred images.
_base_ = [
    "../_base_/models/cascade-rcnn_r50_fpn.py",
    "../_base_/datasets/trash_256.py",
    "../_base_/schedules/schedule_1x.py",
    "../_base_/default_runtime.py",
]

max_epochs = 15
channels = 48

model = dict(
    backbone=dict(depth=18, base_channels=32, frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=channels),
    rpn_head=dict(in_channels=channels, feat_channels=channels),
    roi_head=dict(
        bbox_roi_extractor=dict(roi_layer=dict(output_size=5, sampling_ratio=1), out_channels=channels),
        bbox_head=[
            dict(head, in_channels=channels, fc_out_channels=256, roi_feat_size=5)
            for head in _base_.model.roi_head.bbox_head
        ],
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=200, max_per_img=100),
        rcnn=[dict(stage, sampler=dict(stage.sampler, num=64)) for stage in _base_.model.train_cfg.rcnn],
    ),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=100)),
)

train_cfg = dict(max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(optimizer=dict(_delete_=True, type="AdamW", lr=1e-3, weight_decay=0.05))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.01, by_epoch=False, begin=0, end=30),
    dict(type="CosineAnnealingLR", eta_min_ratio=0.02, T_max=max_epochs, end=max_epochs, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=8)
default_hooks = dict(logger=dict(interval=10))
