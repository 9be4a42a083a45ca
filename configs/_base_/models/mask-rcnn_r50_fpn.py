# Mask R-CNN (arXiv 1703.06870): Faster R-CNN with a mask for each box. The annotations need a segmentation.
_base_ = "./faster-rcnn_r50_fpn.py"

model = dict(
    type="MaskRCNN",
    data_preprocessor=dict(pad_mask=True),
    roi_head=dict(
        mask_roi_extractor=dict(
            _base_.model.roi_head.bbox_roi_extractor,
            roi_layer=dict(type="RoIAlign", output_size=14, sampling_ratio=0),
        ),
        mask_head=dict(
            type="FCNMaskHead",
            num_convs=4,
            in_channels=256,
            conv_out_channels=256,
            num_classes=10,
            loss_mask=dict(type="CrossEntropyLoss", use_mask=True, loss_weight=1.0),
        ),
    ),
    train_cfg=dict(rcnn=dict(mask_size=28)),
    test_cfg=dict(rcnn=dict(mask_thr_binary=0.5)),
)
