# AugFPN ablation on two CPU cores: augmentation with two ratios.
_base_ = "./rfa.py"

model = dict(neck=dict(pool_ratios=(0.1, 0.2)))
