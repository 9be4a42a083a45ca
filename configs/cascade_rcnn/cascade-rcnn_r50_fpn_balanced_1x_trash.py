# Cascade R-CNN for rare classes: they weigh more, and labels are smoothed; costs what its base does.
_base_ = "./cascade-rcnn_r50_fpn_1x_trash.py"

model = dict(
    roi_head=dict(
        bbox_head=[
            dict(head, loss_cls=dict(type="CrossEntropyLoss", label_smoothing=0.1))
            for head in _base_.model.roi_head.bbox_head
        ],
    ),
)
custom_hooks = [dict(type="ClassBalanceHook", beta=0.999)]
