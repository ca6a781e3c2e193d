# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A run of milliseconds: a linear model fits y = 3 x on numbers made from their index."""

import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS


@MODELS.register_module()
class LineModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x, y, mode):
        prediction = x * self.weight
        if mode == 'loss':
            return {'loss': (prediction - y).square().mean()}
        return [{'prediction': p.item(), 'y': t.item()} for p, t in zip(prediction, y)]


@DATASETS.register_module()
class LineData(BaseDataset):
    def load_data_list(self):
        return [{'x': torch.tensor(0.1 * i)} for i in range(16)]

    def prepare_data(self, idx):
        x = self.get_data_info(idx)['x']
        return {'x': x, 'y': 3 * x}


@METRICS.register_module()
class LineError(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [abs(sample['prediction'] - sample['y']) for sample in data_samples]

    def compute_metrics(self, results):
        return {'error': sum(results) / len(results)}
