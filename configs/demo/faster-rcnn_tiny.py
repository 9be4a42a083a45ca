# Faster R-CNN for two CPU cores: the tiny cascade's first stage alone, 256 px; the base of the AugFPN ablation.
_base_ = "./cascade-rcnn_tiny.py"

model = dict(
    type="FasterRCNN",
    roi_head=dict(
        _delete_=True,
        type="StandardRoIHead",
        bbox_roi_extractor=_base_.model.roi_head.bbox_roi_extractor,
        bbox_head=_base_.model.roi_head.bbox_head[0],
    ),
    train_cfg=dict(rcnn=dict(_base_.model.train_cfg.rcnn[0], _delete_=True)),
)
