# The competition's data by way of mosaic, for any detector: four images through one perspective, now and then blended
# with another, with objects of others pasted in. The table is the one YOLOv7 was trained with here (see
# mmdet_trash.datasets.transforms.yolo_pipeline), written out. `default_hooks.augmentation` ends it early, by `close=2`,
# or keeps decoded images, by `cache="disk"`.
_base_ = "./trash_detection.py"

img_scale = (1024, 1024)

mosaic = dict(type="Mosaic", img_scale=img_scale, prob=1.0, translate=0.2, scale=0.2)
train_pipeline = [
    mosaic,
    dict(type="MixUp", prob=0.15, pre_transform=[mosaic]),
    dict(type="HSVJitter", hue=0.015, saturation=0.7, value=0.4),
    dict(type="CopyPaste", prob=0.15),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
