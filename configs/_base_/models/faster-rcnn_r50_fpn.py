# Faster R-CNN (arXiv 1506.01497) with a feature pyramid: the cascade's first stage alone, with L1 box losses.
_base_ = "./cascade-rcnn_r50_fpn.py"

model = dict(
    type="FasterRCNN",
    rpn_head=dict(loss_bbox=dict(_delete_=True, type="L1Loss", loss_weight=1.0)),
    roi_head=dict(
        _delete_=True,
        type="StandardRoIHead",
        bbox_roi_extractor=_base_.model.roi_head.bbox_roi_extractor,
        bbox_head=dict(
            _base_.model.roi_head.bbox_head[0],
            reg_class_agnostic=False,
            loss_bbox=dict(type="L1Loss", loss_weight=1.0),
        ),
    ),
    train_cfg=dict(
        rpn=dict(allowed_border=-1),
        rpn_proposal=dict(max_per_img=1000),
        rcnn=dict(_base_.model.train_cfg.rcnn[0], _delete_=True),
    ),
)
