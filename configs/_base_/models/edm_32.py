# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# The network of ddpm_32.py in the formulation of EDM.
_base_ = './ddpm_32.py'
model = dict(
    _delete_=True,
    type='mmdiffrep.EDM',
    unet=_base_.model.unet,
    data_preprocessor=_base_.model.data_preprocessor,
    bf16=True,
)
