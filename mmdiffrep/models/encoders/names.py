# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tell the names of networks of other libraries from those of diffusion models."""

LIBRARIES = ('timm', 'torchvision', 'transformers', 'python')


def is_encoder_name(name: object) -> bool:
    """Whether something names a network of another library, as in ``'timm:resnet18'``."""
    return isinstance(name, str) and ':' in name and name.partition(':')[0] in LIBRARIES
