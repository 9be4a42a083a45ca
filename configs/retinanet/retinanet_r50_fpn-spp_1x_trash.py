# RetinaNet with spatial pyramid pooling on the pyramid's coarsest map, ResNet-50, 12 epochs at 1024 px.
_base_ = "./retinanet_r50_fpn_1x_trash.py"

spp = dict(type="LevelPlugins", in_channels=256, num_levels=5, plugin=dict(type="SPP"), levels=[-1])
model = dict(neck=[_base_.model.neck, spp])
