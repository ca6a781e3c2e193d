# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Official settings of DIFT per task and network, and of DiTF (READMEs and evaluation scripts).

Official prompts: "a photo of a {category}" for SPair-71k, else the empty one.
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # SPair-71k: cosine, nearest neighbor
    'dift_semantic': dict(taps=['dift:1'], timesteps=[261], size=768, draws=8),
    'dift_semantic_adm': dict(taps=['dift:4'], timesteps=[101], size=512, draws=8),
    # HPatches: mutual nearest neighbors by cosine and LMedS; ADM: by distance and RANSAC
    'dift_geometric': dict(taps=['dift:2'], timesteps=[0], size=768, draws=8),
    'dift_geometric_adm': dict(taps=['dift:11'], timesteps=[41], size=768, draws=4),
    # DAVIS 2017, 480p: label propagation
    'dift_temporal': dict(taps=['dift:2'], timesteps=[51], size=(480, 832), draws=8),
    'dift_temporal_adm': dict(taps=['dift:7'], timesteps=[51], size=(480, 832), draws=4),
    # DiTF with Flux.1: the input of a block, channels of huge activations discarded, modulated
    'ditf_flux': dict(
        taps=['module:single_transformer_blocks.9.norm'],
        timesteps=[260],
        size=640,
        draws=8,
        discard=[154, 1446],
    ),
}
