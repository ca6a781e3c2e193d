# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# SPair-71k with Flux.1 as DiTF reads it: block 28 of all at t = 260, 640 px, 8 draws, two channels
# of huge activations discarded, modulated by the block's adaptive norm.
# Result: never run at full size (official: PCK@0.1 67.1).
_base_ = './spair71k_sd21.py'
model = dict(matcher=dict(model='black-forest-labs/FLUX.1-dev', preset='ditf_flux'))
