# AugFPN ablation on two CPU cores: three ratios, of those that make 2, 4, 6 and 8 cells of the 8 at 256 px.
_base_ = "./rfa.py"

model = dict(neck=dict(pool_ratios=(0.25, 0.5, 0.75)))
