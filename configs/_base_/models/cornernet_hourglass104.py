# CornerNet (arXiv 1808.01244): boxes as pairs of corners, on two hourglasses, which have no initial weights.
model = dict(
    type="CornerNet",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type="HourglassNet",
        downsample_times=5,
        num_stacks=2,
        stage_channels=[256, 256, 384, 384, 384, 512],
        stage_blocks=[2, 2, 2, 2, 2, 4],
        feat_channel=256,
        norm_cfg=dict(type="BN", requires_grad=True),
    ),
    neck=None,
    bbox_head=dict(
        type="CornerHead",
        num_classes=10,
        in_channels=256,
        num_feat_levels=2,
        corner_emb_channels=1,
        loss_heatmap=dict(type="GaussianFocalLoss", alpha=2.0, gamma=4.0, loss_weight=1.0),
        loss_embedding=dict(type="AssociativeEmbeddingLoss", pull_weight=0.1, push_weight=0.1),
        loss_offset=dict(type="SmoothL1Loss", beta=1.0, loss_weight=1.0),
    ),
    train_cfg=None,
    test_cfg=dict(
        corner_topk=100,
        local_maximum_kernel=3,
        distance_threshold=0.5,
        # Its own threshold on scores is min_score; CornerHead reads no score_thr.
        nms=dict(type="soft_nms", iou_threshold=0.5, method="gaussian", min_score=0.001),
        max_per_img=100,
    ),
)
