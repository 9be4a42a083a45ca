# Faster R-CNN (arXiv 1506.01497) with a feature pyramid: the cascade's first stage alone.
_base_ = "./cascade-rcnn_r50_fpn.py"

bbox_head = dict(_base_.model.roi_head.bbox_head[0], reg_class_agnostic=False, loss_bbox=dict(type="L1Loss"))
model = dict(
    type="FasterRCNN",
    rpn_head=dict(loss_bbox=dict(_delete_=True, type="L1Loss", loss_weight=1.0)),
    roi_head=dict(
        _delete_=True,
        type="StandardRoIHead",
        bbox_roi_extractor=_base_.model.roi_head.bbox_roi_extractor,
        bbox_head=bbox_head,
    ),
    train_cfg=dict(rcnn=_base_.model.train_cfg.rcnn[0]),
)
