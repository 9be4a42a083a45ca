# EfficientDet (arXiv 1911.09070): EfficientNet, BiFPN and separable convolutions, all scaled by one number.
_base_ = "./retinanet_r50_fpn.py"

# The paper's table 1. A config picks its size: `model = _base_.scaling.d2`, for images of 512 + 2 * 128 px.
weights = "https://download.openmmlab.com/mmclassification/v0/efficientnet/efficientnet-"
scaling = {
    f"d{phi}": dict(
        backbone=dict(
            arch=f"b{phi}", init_cfg=dict(checkpoint=f"{weights}b{phi}_3rdparty_8xb32-aa_in1k_20220119-{part}")
        ),
        neck=dict(in_channels=in_channels, out_channels=width, stack_times=3 + phi),
        bbox_head=dict(in_channels=width, feat_channels=width, stacked_convs=3 + phi // 3),
    )
    for phi, (width, in_channels, part) in enumerate(
        [
            (64, [40, 112, 320], "8d939117.pth"),
            (88, [40, 112, 320], "619d8ae3.pth"),
            (112, [48, 120, 352], "dd61e80b.pth"),
            (160, [48, 136, 384], "5b4887a0.pth"),
            (224, [56, 160, 448], "45b8bd2b.pth"),
        ]
    )
}

norm_cfg = dict(type="BN", eps=1e-3, momentum=0.01)
model = dict(
    data_preprocessor=dict(pad_size_divisor=128),
    backbone=dict(
        _delete_=True,
        type="EfficientNet",
        drop_path_rate=0.2,
        out_indices=(3, 4, 5),
        norm_cfg=norm_cfg,
        init_cfg=dict(type="Pretrained", prefix="backbone"),
    ),
    neck=dict(_delete_=True, type="BiFPN", num_outs=5, norm_cfg=norm_cfg),
    bbox_head=dict(
        type="EfficientDetHead",
        norm_cfg=norm_cfg,
        anchor_generator=dict(center_offset=0.5),
        loss_cls=dict(gamma=1.5),
        # The release's Huber loss: 50 times that of delta 0.1, a mean over a box's four numbers.
        loss_bbox=dict(_delete_=True, type="SmoothL1Loss", beta=0.1, loss_weight=1.25),
    ),
    train_cfg=dict(assigner=dict(neg_iou_thr=0.5)),
)
