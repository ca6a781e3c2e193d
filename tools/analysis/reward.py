# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What does the reward of a distillation config make of each timestep?

The decoder of the config's reward learns from the teacher's features as in a run whose policy draws
uniformly, and is measured on images held out: at which timestep is the reward highest, early in the
training and later? A decoder of its own for each timestep is the probe of that timestep.

    EXPERIMENTS=configs/repfusion/experiments
    python tools/analysis/reward.py $EXPERIMENTS/distill_celebamask_64_r18_reinforced.py \
        --iterations 40 150 400
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from analysis_options import print_rows, run_tool, save_figure, write_csv
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmdiffrep.analysis.reward_curve import Curve, check_request, reward_curves
from mmdiffrep.engine.distillation.host_model import fill_rewards
from mmdiffrep.models.teachers import Teacher, build_teacher, normalization_of
from mmdiffrep.registry import DATASETS, MODELS
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.hook_configs import find_hooks
from mmdiffrep.utils.host_models import build_host_model, find_config

TIMESTEPS = (0, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900)


def hook_of(cfg: Config) -> dict[str, Any]:
    """Return the distillation hook of a config.

    Raises:
        ValueError: There is none.
    """
    for hook in find_hooks(cfg, 'RepFusionHook').values():
        return hook
    raise ValueError(f'{cfg.filename} has no RepFusionHook in its default_hooks or custom_hooks')


def reward_of(hook: dict[str, Any], model: nn.Module) -> dict[str, Any]:
    """Config of the hook's reward, or of the one that fits the model's head.

    Raises:
        ValueError: Its policy learns nothing, or there are several.
    """
    policy = hook.get('policy') or dict(type='mmdiffrep.FixedTimestep', t=0)
    reward = fill_rewards(model, policy, hook.get('reward'))
    if not reward or 'type' not in reward:
        raise ValueError(
            f'expected one policy that learns, with one reward, got policy={policy} and '
            f'reward={reward}: take a config such as '
            'repfusion/experiments/distill_celebamask_64_r18_reinforced.py'
        )
    return reward


def teacher_of(cfg: Config, hook: dict[str, Any], model: nn.Module) -> Teacher:
    """Return the teacher of a hook, at the tap that the reward reads."""
    return build_teacher(
        hook['teacher'],
        taps=[hook['pairs'][-1]['teacher']],
        size=hook.get('teacher_size'),
        raw_input=hook.get('teacher_input') == 'student',
        noise=hook.get('noise', 'none'),
        **(hook.get('normalization') or normalization_of(model, cfg)),
    )


@torch.no_grad()
def read(
    dataset: Dataset, count: int, model: nn.Module, teacher: Teacher, args: argparse.Namespace
) -> tuple[dict[int, Tensor], list[Any]]:
    """Features by timestep (float16, on the CPU) and data samples of some images."""
    chosen = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(args.seed))
    features: dict[int, list[Tensor]] = {t: [] for t in args.timesteps}
    samples: list[Any] = []
    generator = torch.Generator(args.device).manual_seed(args.seed)
    for part in chosen[:count].split(args.batch_size):
        batch = pseudo_collate([dataset[i] for i in part.tolist()])
        packed = model.data_preprocessor(batch, training=True)
        samples += packed['data_samples']
        for t in args.timesteps:
            steps = torch.full((len(part),), t, device=args.device)
            (feature,) = teacher(teacher.to_input(packed['inputs']), steps, generator=generator)
            features[t].append(feature.half().cpu())
    return {t: torch.cat(parts) for t, parts in features.items()}, samples


def measure(args: argparse.Namespace) -> None:
    """Read the features, train the decoders, print, write and draw."""
    cfg = find_config(args.config, args.cfg_options)
    hook = hook_of(cfg)
    init_default_scope(cfg.default_scope)
    set_random_seed(args.seed)
    model = build_host_model(cfg).to(args.device)
    teacher = teacher_of(cfg, hook, model).to(args.device)
    build = partial(MODELS.build, {**reward_of(hook, model), 'in_channels': teacher.channels[0]})
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    count = min(args.num_images or len(dataset), len(dataset))
    num_held_out = int(args.held_out * count)
    check_request(build(), count, num_held_out, args.iterations)
    features, samples = read(dataset, count, model, teacher, args)
    train = partial(
        reward_curves,
        build,
        samples=samples,
        num_held_out=num_held_out,
        batch_size=args.batch_size,
        seed=args.seed,
        device=args.device,
    )
    curves: dict[str, Curve] = {
        f'one decoder, {iteration} updates': curve
        for iteration, curve in train(features, iterations=args.iterations).items()
    }
    last = args.iterations[-1]
    curves[f'a decoder each, {last} updates'] = {
        t: train({t: features[t]}, iterations=[last])[last][t] for t in args.timesteps
    }
    rows = [
        dict(decoder=name, t=t, reward=value)
        for name, curve in curves.items()
        for t, value in curve.items()
    ]
    write_csv(args.out / 'reward.csv', rows)
    table = [{'t': t, **{name: curve[t] for name, curve in curves.items()}} for t in args.timesteps]
    print_rows(table, 'mean reward held out', {'t': 'd', **dict.fromkeys(curves, '.3f')})
    save_figure(draw(curves), args.out / 'reward.png')


def draw(curves: dict[str, Curve]) -> Figure:
    """Return a line for each decoder; the last, the probe, is dashed."""
    figure = Figure(figsize=(7, 4), layout='constrained')
    axes = figure.subplots()
    for name, curve in curves.items():
        style = '--' if name.startswith('a decoder each') else '-'
        axes.plot(list(curve), list(curve.values()), style, marker='.', label=name)
    axes.set(xlabel='timestep', ylabel='mean reward on images held out')
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', metavar='CONFIG', help='a distillation config with a reward')
    add_cfg_options(parser)
    parser.add_argument('--timesteps', nargs='+', type=int, default=list(TIMESTEPS), metavar='T')
    parser.add_argument('--iterations', nargs='+', type=int, default=[40, 150, 400], metavar='N')
    parser.add_argument('--held-out', type=float, default=0.25, help='share of the images')
    parser.add_argument('--num-images', type=int, help='default: all', metavar='N')
    parser.add_argument('--batch-size', type=int, default=16, metavar='B')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--device', default=get_device())
    parser.add_argument('--out', type=Path, default=Path('work_dirs/analysis'), metavar='DIR')
    run_tool(parser, measure, argv)


if __name__ == '__main__':
    main()
