# Cascade R-CNN for two CPU cores whose boxes learn by CIoU; costs what the demo does.
_base_ = "./cascade-rcnn_tiny.py"

model = dict(
    roi_head=dict(
        bbox_head=[
            dict(head, reg_decoded_bbox=True, loss_bbox=dict(type="CIoULoss", loss_weight=12.0))
            for head in _base_.model.roi_head.bbox_head
        ],
    ),
)
