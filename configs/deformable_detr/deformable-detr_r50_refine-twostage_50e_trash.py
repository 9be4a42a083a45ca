# Deformable DETR whose layers correct each other's boxes and whose queries are the encoder's best; costs little more.
_base_ = "./deformable-detr_r50_50e_trash.py"

model = dict(with_box_refine=True, as_two_stage=True)
