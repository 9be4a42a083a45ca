# AugFPN ablation on two CPU cores: augmentation with one ratio.
_base_ = "./rfa.py"

model = dict(neck=dict(pool_ratios=(0.1,)))
