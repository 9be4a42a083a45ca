# DDQ (arXiv 2303.12776): DINO whose queries are made distinct by suppression before each layer, beside dense ones that
# are learned from in training.
_base_ = "./dino-4scale_r50.py"

model = dict(
    type="DDQDETR",
    dense_topk_ratio=1.5,
    bbox_head=dict(type="DDQDETRHead"),
    dqs_cfg=dict(type="nms", iou_threshold=0.8),
)
