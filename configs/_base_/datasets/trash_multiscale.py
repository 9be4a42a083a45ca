# The competition's data at many sizes: longer sides from 480 to 1200 px, and half of the time a crop of a resized image
# resized again, as DETRs are trained. Tested at 1024 px; the augmented views are of 480 and 1200 px, each flipped too.
_base_ = "./trash_detection.py"

resize = dict(type="RandomChoiceResize", scales=[(side, side) for side in range(480, 1201, 48)], keep_ratio=True)
train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="RandomFlip", prob=0.5),
    dict(
        type="RandomChoice",
        transforms=[
            [resize],
            [
                dict(resize, scales=[(side, side) for side in (600, 800, 1000)]),
                dict(type="RandomCrop", crop_type="absolute_range", crop_size=(384, 600), allow_negative_crop=True),
                resize,
            ],
        ],
    ),
    dict(type="PackDetInputs"),
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
tta_pipeline = [
    _base_.tta_pipeline[0],
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=(side, side), keep_ratio=True) for side in (480, 1200)],
            *_base_.tta_pipeline[1].transforms[1:],
        ],
    ),
]
