# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Frechet distance between images sampled from a diffusion model and those of a data set.

FID with torch-fidelity's Inception network, or the same distance in the features of any mmpretrain
backbone. A folder is a diffusers folder, as a run of configs/ddpm leaves it.

    python tools/analysis/frechet.py work_dirs/edm_fashionmnist_32/denoiser \
        --data ddpm/edm_fashionmnist_32.py --sampler heun --steps 18
    python tools/analysis/frechet.py DENOISER --data CONFIG --num-images 5000 \
        --encoder mmpretrain::resnet/CONFIG.py --checkpoint FILE.pth
    torchrun --nproc_per_node 8 tools/analysis/frechet.py DENOISER --data CONFIG --launcher pytorch
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from analysis_options import add_split_argument, image_source, print_rows, run_tool, write_csv
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, init_dist, is_distributed

from mmdiffrep.analysis.image_quality import (
    EncoderEmbedding,
    InceptionEmbedding,
    moments_of_dataset,
    moments_of_samples,
)
from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.sampling import SAMPLERS
from mmdiffrep.measures.frechet import frechet_distance
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.dist import PLACES, close_dist, setup_dist


def measure(args: argparse.Namespace) -> None:
    """Embeds both sets and writes their distance."""
    if args.launcher != 'none':
        setup_dist(Config(), args.launcher)
        if not is_distributed():
            init_dist(args.launcher)
    source = image_source(args, args.split, args.num_reference)
    if args.encoder is None:
        embed = InceptionEmbedding(args.checkpoint, args.device)
    else:
        embed = EncoderEmbedding(
            args.encoder, args.checkpoint, size=args.encoder_size, device=args.device
        )
    denoiser = load_denoiser(args.model).freeze().to(args.device)
    real = moments_of_dataset(source, embed, denoiser.image_size, args.batch_size)
    sampled = moments_of_samples(
        denoiser, embed, args.num_images, args.sampler, args.steps, args.seed, args.batch_size
    )
    row = dict(
        model=args.model,
        data=source.name,
        features='FID' if args.encoder is None else args.encoder,
        sampler=args.sampler,
        steps=args.steps,
        sampled=sampled.count,
        real=real.count,
        distance=frechet_distance(sampled, real),
    )
    if get_rank() == 0:
        formats = dict(features='', sampler='', steps='d', sampled='d', real='d', distance='.3f')
        print_rows([row], f'{args.model} against the {source.name}', formats)
        write_csv(args.out / 'frechet.csv', [row])
        if min(sampled.count, real.count) <= len(real.mean):
            print(f'Fewer images than the {len(real.mean)} features: the distance is too great.')
    close_dist()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('model', metavar='MODEL', help='diffusers folder, hub id, mmdiffrep://<name>')
    add('--data', metavar='CONFIG', required=True, help='config whose data loaders give the images')
    add_cfg_options(parser, 'the data config')
    add('--channel-order', choices=['bgr', 'rgb'], help='of the loaded images')
    add_split_argument(parser, default='train')  # as published FIDs
    add('--num-reference', type=int, metavar='N', help='images of the data set; default: all')
    add('--num-images', type=int, default=50000, metavar='N', help='images to sample')
    add('--sampler', choices=SAMPLERS, default='ddim')
    add('--steps', type=int, default=50, help='of the sampler')
    add('--seed', type=int, default=0, help='of the sampled images')
    add('--encoder', metavar='CONFIG', help='of an mmpretrain model; default: FID')
    add('--encoder-size', type=int, metavar='PX', help="default: the encoder's own")
    add('--checkpoint', metavar='FILE', help="the encoder's weights, or those of FID's Inception")
    add('--batch-size', type=int, default=64, metavar='B')
    add('--device', default=get_device())
    add('--launcher', choices=['none', *PLACES], default='none', help='of several processes')
    add('--out', type=Path, default=Path('work_dirs/analysis'), metavar='DIR')
    run_tool(parser, measure, arguments)


if __name__ == '__main__':
    main()
