# AugFPN ablation on two CPU cores: augmentation from one global average.
_base_ = "./rfa.py"

model = dict(neck=dict(pool_ratios=(0.1,), pooling="global_avg"))
