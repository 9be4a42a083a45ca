# The competition's layout under one folder: train.json, test.json and the images. 1024x1024 images keep their size.
# Without folds (tools/train.py --folds-dir --fold) a fifth of train.json is held out for validation.
dataset_type = "TrashDataset"
data_root = "{{$TRASH_DATA_ROOT:data/trash/}}"
img_scale = (1024, 1024)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", with_bbox=True),
    dict(type="Resize", scale=img_scale, keep_ratio=True),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackDetInputs"),
]
test_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=img_scale, keep_ratio=True),
    dict(type="PackDetInputs", meta_keys=("img_id", "img_path", "ori_shape", "img_shape", "scale_factor")),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=True),
    batch_sampler=dict(type="AspectRatioBatchSampler"),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="train.json",
        holdout="train",
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="train.json",
        holdout="val",
        test_mode=True,
        broken="skip",
        pipeline=test_pipeline,
    ),
)
test_dataloader = dict(
    val_dataloader,
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file="test.json",
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

val_evaluator = dict(type="TrashMetric")
test_evaluator = val_evaluator

# tools/test.py --tta: three sizes, each as it is and flipped, fused; what few of the six views show sinks.
tta_model = dict(
    type="FusionTTA",
    fusion=dict(method="wbf", iou_thr=0.65, conf_type="model_max", one_vote=True, max_per_img=300),
)
tta_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(
        type="TestTimeAug",
        transforms=[
            [dict(type="Resize", scale=(size, size), keep_ratio=True) for size in (768, 1024, 1280)],
            [dict(type="RandomFlip", prob=0.0), dict(type="RandomFlip", prob=1.0)],
            [
                dict(
                    type="PackDetInputs",
                    meta_keys=(
                        "img_id",
                        "img_path",
                        "ori_shape",
                        "img_shape",
                        "scale_factor",
                        "flip",
                        "flip_direction",
                    ),
                )
            ],
        ],
    ),
]
