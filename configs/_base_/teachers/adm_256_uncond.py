# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ADM trained on ImageNet at 256 px without classes, 256x256_diffusion_uncond.pt of
# openai/guided-diffusion.
adm_256 = dict(
    type='mmdiffrep.ADMDenoiser',
    checkpoint='checkpoints/256x256_diffusion_uncond.pt',
    image_size=256,
    num_channels=256,
    num_res_blocks=2,
    num_head_channels=64,
    attention_resolutions='32,16,8',
    class_cond=False,
    resblock_updown=True,
    use_scale_shift_norm=True,
    learn_sigma=True,
    noise_schedule='linear',
)
