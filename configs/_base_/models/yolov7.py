# YOLOv7 (arXiv 2207.02696): ELAN backbone and neck, anchors, matching by SimOTA. 37.2 M parameters.
model = dict(
    type="YOLOv7",
    data_preprocessor=dict(
        type="DetDataPreprocessor",
        mean=[0.0, 0.0, 0.0],
        std=[255.0, 255.0, 255.0],
        bgr_to_rgb=True,
        pad_value=114 / 255,  # it is padded once normalised
        pad_size_divisor=32,
    ),
    backbone=dict(type="YOLOv7Backbone", arch="l"),
    neck=dict(type="YOLOv7PAFPN", arch="l", in_channels=[512, 1024, 1024], out_channels=[256, 512, 1024]),
    bbox_head=dict(
        type="YOLOv7Head",
        num_classes=10,
        in_channels=[256, 512, 1024],
        # In pixels of a training image; tools/anchors.py fits them to a dataset.
        anchors=[
            [(12, 16), (19, 36), (40, 28)],
            [(36, 75), (76, 55), (72, 146)],
            [(142, 110), (192, 243), (459, 401)],
        ],
        strides=[8, 16, 32],
        matching="simota",
        img_size=640,
        loss_bbox=dict(type="CIoULoss", loss_weight=0.05),
        loss_obj=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=0.7),
        loss_cls=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=0.3),
    ),
    test_cfg=dict(
        multi_label=True,
        nms_pre=30000,
        min_bbox_size=0,
        score_thr=0.001,
        nms=dict(type="nms", iou_threshold=0.65),
        max_per_img=300,
    ),
)
