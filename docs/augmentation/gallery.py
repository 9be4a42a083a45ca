# The pictures of docs/augmentation.md: a pipeline for each transform, for `tools/browse.py --pipeline gallery.NAME`.
_base_ = "../../configs/demo/cascade-rcnn_tiny.py"

img_scale = (512, 512)
pack = dict(type="PackDetInputs")
mosaic = dict(type="Mosaic", img_scale=img_scale, translate=0.1, scale=0.3)
gallery = dict(
    mosaic=[mosaic, pack],
    mosaic_3x3=[dict(type="Mosaic", img_scale=img_scale, grid=3, translate=0.1, scale=0.2), pack],
    mixup=[dict(type="RandomPerspective", img_scale=img_scale, prob=0), dict(type="MixUp"), pack],
    cutmix=[dict(type="RandomPerspective", img_scale=img_scale, prob=0), dict(type="CutMix"), pack],
    copy_paste=[dict(type="CopyPaste", class_aware=True), pack],
    copy_paste_soft=[dict(type="CopyPaste", edge="soft"), pack],
    mirror_paste=[dict(type="MirrorPaste", share=1.0), pack],
    perspective=[
        dict(type="RandomPerspective", img_scale=img_scale, degrees=20, shear=5, perspective=0.0005, scale=0.3),
        pack,
    ],
    hsv=[
        dict(type="LoadImageFromFile"),
        dict(type="LoadAnnotations", with_bbox=True),
        dict(type="HSVJitter", hue=0.1),
        pack,
    ],
    yolo=[
        mosaic,
        dict(type="MixUp", prob=0.5, pre_transform=[mosaic]),
        dict(type="HSVJitter"),
        dict(type="CopyPaste", prob=0.5),
        dict(type="RandomFlip", prob=0.5),
        pack,
    ],
)
