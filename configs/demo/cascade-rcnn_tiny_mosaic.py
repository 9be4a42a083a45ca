# The demo's Cascade R-CNN on mosaics, but for the last third of its epochs; costs what the demo does.
_base_ = "./cascade-rcnn_tiny.py"

mosaic = dict(type="Mosaic", img_scale=(256, 256), prob=0.5, translate=0.1, scale=0.2)
train_pipeline = [
    mosaic,
    dict(type="MixUp", prob=0.1, pre_transform=[mosaic]),
    dict(type="HSVJitter", hue=0.015, saturation=0.4, value=0.2),
    dict(type="RandomFlip", prob=[0.25, 0.25, 0.25], direction=["horizontal", "vertical", "diagonal"]),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
default_hooks = dict(augmentation=dict(close=5))
