# AugFPN ablation on two CPU cores: augmentation with four ratios.
_base_ = "./rfa.py"

model = dict(neck=dict(pool_ratios=(0.1, 0.2, 0.3, 0.4)))
