# DINO on five levels, Swin-L, from COCO's weights, 12 epochs at 480 to 1200 px; not trained here.
_base_ = "../../dino/dino-5scale_swin-l_1x_trash.py"

load_from = "https://download.openmmlab.com/mmdetection/v3.0/dino/dino-5scale_swin-l_8xb2-12e_coco/dino-5scale_swin-l_8xb2-12e_coco_20230228_072924-a654145f.pth"
