# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""guided-diffusion's flags: what they mean for the network, and which ones weights contradict."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mmdiffrep.diffusion.schedule import NoiseSchedule
from mmdiffrep.utils.checks import one_of

# guided_diffusion/script_util.py, create_model
_CHANNEL_MULT = {
    32: (1, 2, 2, 2),  # improved_diffusion/script_util.py
    64: (1, 2, 3, 4),
    128: (1, 1, 2, 3, 4),
    256: (1, 1, 2, 2, 4, 4),
    512: (0.5, 1, 1, 2, 2, 4, 4),
}
_TELLING = (
    'time_embed.0.weight',
    'out.2.weight',
    'middle_block.0.emb_layers.1.weight',
    'middle_block.0.in_layers.0.weight',
)


def parse_channel_mult(flag: str, image_size: int) -> tuple[float, ...]:
    """Return the width multipliers of the levels; of ``''``, the official ones for a size.

    Raises:
        ValueError: There are no official ones.
    """
    if flag:
        return tuple(float(part) for part in flag.split(','))
    advice = "Another size needs channel_mult, such as '1,2,2,2'."
    return _CHANNEL_MULT[
        one_of('image_size without channel_mult', image_size, _CHANNEL_MULT, advice)
    ]


def parse_attention(flag: str, image_size: int) -> tuple[int, ...]:
    """Return the strides of the maps with attention, of their sides."""
    return tuple(image_size // int(part) for part in flag.split(',') if part)


def schedule_of_flags(name: str, steps: int, predict_xstart: bool) -> NoiseSchedule:
    """Return the noise schedule of ``noise_schedule``, ``diffusion_steps`` and ``predict_xstart``.

    Raises:
        ValueError: Another name than ``'linear'`` and ``'cosine'``.
    """
    prediction = 'sample' if predict_xstart else 'epsilon'
    if one_of('noise_schedule', name, ('linear', 'cosine')) == 'linear':
        scale = 1000.0 / steps  # guided-diffusion keeps the total noise of 1000 steps
        return NoiseSchedule.preset(name, steps, 1e-4 * scale, 0.02 * scale, prediction)
    return NoiseSchedule.preset(name, steps, prediction_type=prediction)


def flag_hint(weights: Mapping[str, Tensor], unet: Mapping[str, Any]) -> str:
    """Say which flags the weights contradict, as far as their names and shapes tell.

    Args:
        weights: The state dict.
        unet: Arguments of the network that was built of the flags.
    """
    if not set(_TELLING) <= set(weights):
        return 'It does not look like a state dict of a guided-diffusion U-Net.'
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    modulation = shapes['middle_block.0.emb_layers.1.weight'][0]
    seen = {
        'num_channels': (shapes['time_embed.0.weight'][1], unet['model_channels']),
        'class_cond': ('label_emb.weight' in shapes, unet['num_classes'] is not None),
        'learn_sigma': (shapes['out.2.weight'][0] == 6, unet['out_channels'] == 6),
        'resblock_updown': (
            not any(name.endswith('.op.weight') for name in shapes),
            unet['resblock_updown'],
        ),
        'use_scale_shift_norm': (
            modulation == 2 * shapes['middle_block.0.in_layers.0.weight'][0],
            unet['use_scale_shift_norm'],
        ),
    }
    if 'label_emb.weight' in shapes and unet['num_classes'] is not None:
        seen['num_classes'] = (shapes['label_emb.weight'][0], unet['num_classes'])
    wrong = [
        f'{flag}={is_} (given: {given})' for flag, (is_, given) in seen.items() if is_ != given
    ]
    if wrong:
        return f'The weights were made with {", ".join(wrong)}.'
    return 'Check num_res_blocks, channel_mult, attention_resolutions and image_size.'
