# Cascade R-CNN whose boxes learn by CIoU and are suppressed by distance-IoU, on the CPU; trains as its base does.
_base_ = "./cascade-rcnn_r50_fpn_1x_trash.py"

model = dict(
    roi_head=dict(
        bbox_head=[
            dict(head, reg_decoded_bbox=True, loss_bbox=dict(type="CIoULoss", loss_weight=12.0))
            for head in _base_.model.roi_head.bbox_head
        ],
    ),
    test_cfg=dict(rcnn=dict(nms=dict(type="diou_nms", iou_threshold=0.5))),
)
