# ATSS with DyHead, Swin-L, from COCO's weights, 12 epochs at 480 to 1200 px; not trained here.
_base_ = [
    "../../_base_/models/atss_swin-l_dyhead.py",
    "../../_base_/datasets/trash_multiscale.py",
    "../../_base_/schedules/schedule_adamw_1x.py",
    "../../_base_/default_runtime.py",
]

load_from = "https://download.openmmlab.com/mmdetection/v2.0/dyhead/atss_swin-l-p4-w12_fpn_dyhead_mstrain_2x_coco/atss_swin-l-p4-w12_fpn_dyhead_mstrain_2x_coco_20220509_100315-bc5b6516.pth"
optim_wrapper = dict(optimizer=dict(lr=5e-5))
