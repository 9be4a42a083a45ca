# TOOD (arXiv 2108.07755): one tower for both tasks; after four epochs, matched by how well class and box agree.
_base_ = "./atss_r50_fpn.py"

model = dict(
    type="TOOD",
    bbox_head=dict(
        _delete_=True,
        type="TOODHead",
        num_classes=10,
        in_channels=256,
        stacked_convs=6,
        feat_channels=256,
        anchor_type="anchor_free",
        anchor_generator=_base_.model.bbox_head.anchor_generator,
        bbox_coder=_base_.model.bbox_head.bbox_coder,
        # Its scores are probabilities already.
        initial_loss_cls=dict(_base_.model.bbox_head.loss_cls, activated=True),
        loss_cls=dict(type="QualityFocalLoss", use_sigmoid=True, activated=True, beta=2.0, loss_weight=1.0),
        loss_bbox=dict(type="GIoULoss", loss_weight=2.0),
    ),
    train_cfg=dict(
        initial_epoch=4,
        initial_assigner=_base_.model.train_cfg.assigner,
        assigner=dict(_delete_=True, type="TaskAlignedAssigner", topk=13),
        alpha=1,
        beta=6,
    ),
)
