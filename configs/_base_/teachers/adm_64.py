# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
# ADM trained on ImageNet at 64 px, 64x64_diffusion.pt of openai/guided-diffusion. It is
# class-conditional and gets the mean of all classes, so that no label gets into the features.
adm_64 = dict(
    type='mmdiffrep.ADMDenoiser',
    checkpoint='checkpoints/64x64_diffusion.pt',
    image_size=64,
    num_channels=192,
    num_res_blocks=3,
    num_head_channels=64,
    attention_resolutions='32,16,8',
    class_cond=True,
    null_label='mean',
    dropout=0.1,
    resblock_updown=True,
    use_scale_shift_norm=True,
    use_new_attention_order=True,
    learn_sigma=True,
    noise_schedule='cosine',
)
