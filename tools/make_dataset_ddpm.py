#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""DatasetDDPM: sample images, label them with a trained ensemble, keep those that it is sure of.

The images come from the diffusion model that the ensemble reads, the result is a folder for
mmdiffrep.DatasetDDPM, on which any model of mmseg can be trained. Called again, it makes only what
is missing: after an interruption the rest, with a larger --num-images the images in addition.

    python tools/make_dataset_ddpm.py ddpm_seg/toyfaces_64_fewshot.py CHECKPOINT \
        --num-images 1000 --out work_dirs/toyfaces_64_dataset_ddpm
    python tools/make_dataset_ddpm.py CONFIG CHECKPOINT --out DIR --sampler ddpm --steps 1000
    torchrun --nproc_per_node 8 tools/make_dataset_ddpm.py ... --launcher pytorch
"""

import argparse
import hashlib
import pickle
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, init_dist, is_distributed

from mmdiffrep.apis import SegmentationInferencer
from mmdiffrep.apis.make_dataset_ddpm import (
    DROP_MOST_CERTAIN,
    DROP_SHARE,
    MadeDataset,
    make_dataset_ddpm,
)
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.sampling import SAMPLERS
from mmdiffrep.utils.dist import PLACES, close_dist, setup_dist
from mmdiffrep.utils.host_models import find_config


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add('config', help='of the ensemble: a file, or the name of one that comes with mmdiffrep')
    add('checkpoint', help='of the ensemble')
    add('--out', type=Path, required=True, metavar='DIR', help='the data set')
    add('--num-images', type=int, default=10000, metavar='N', help='to sample (%(default)s)')
    add('--denoiser', metavar='MODEL', help="folder or hub id; default: the config's")
    add('--sampler', choices=sorted(SAMPLERS), default='ddim', help='official: ddpm')
    add('--steps', type=int, default=50, help='network evaluations of an image; official: 1000')
    add('--seed', type=int, default=0)
    add('--batch-size', type=int, default=8, metavar='B', help='images at once (%(default)s)')
    add(
        '--drop-share',
        type=float,
        default=DROP_SHARE,
        help='share of the images to drop (%(default)s, official)',
    )
    add(
        '--drop-most-certain',
        type=int,
        default=DROP_MOST_CERTAIN,
        metavar='N',
        help='how many of them are the most certain, the rest are the most uncertain ones '
        '(%(default)s, official)',
    )
    add('--device', default=get_device())
    add('--trust-checkpoint', action='store_true', help='also load one that runs code')
    add('--launcher', choices=['none', *PLACES], default='none', help='of several processes')
    return options


def make(args: argparse.Namespace) -> MadeDataset:
    """Make the data set of a command line.

    Raises:
        ValueError: Options that do not fit, or a config without a denoiser.
        OSError: Files that are missing or cannot be written.
    """
    cfg = find_config(args.config)
    model = args.denoiser or cfg.model.backbone.get('denoiser')
    if model is None:
        raise ValueError(
            f'the backbone {cfg.model.backbone.type} of {args.config} has no diffusion model to '
            'sample from: name one with --denoiser'
        )
    inferencer = SegmentationInferencer(
        cfg,
        args.checkpoint,
        device=args.device,
        batch_size=args.batch_size,
        trust=args.trust_checkpoint,
    )
    return make_dataset_ddpm(
        args.out,
        args.num_images,
        load_denoiser(model).freeze().to(args.device),
        inferencer,
        labeller=hashlib.sha256(Path(args.checkpoint).read_bytes()).hexdigest()[:16],
        sampler=args.sampler,
        num_steps=args.steps,
        seed=args.seed,
        batch_size=args.batch_size,
        drop_share=args.drop_share,
        drop_most_certain=args.drop_most_certain,
    )


def main(argv: list[str] | None = None) -> None:
    """Run the command line; what the user can put right ends in its message and exit status 2."""
    options = parser()
    args = options.parse_args(argv)
    try:
        if args.launcher != 'none':
            setup_dist(Config(), args.launcher)
            if not is_distributed():
                init_dist(args.launcher)
        made = make(args)
    except KeyboardInterrupt:
        options.exit(130, 'Stopped. Complete images are kept; the same command goes on there.\n')
    except (OSError, ValueError, RuntimeError, ImportError, pickle.UnpicklingError) as error:
        options.exit(2, f'{error}\n')
    if get_rank() == 0:
        print(
            f'{made.folder}: {made.num_images} images sampled and labeled, {made.num_kept} kept '
            'for training (train.txt)'
        )
    close_dist()


if __name__ == '__main__':
    main()
