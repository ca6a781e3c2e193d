# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmpretrain.structures import DataSample
from torch.nn import functional as F

from mmdiffrep.evaluation import MultiProbeAccuracy
from mmdiffrep.models.heads import MultiProbeHead


def build(**options):
    torch.manual_seed(0)
    defaults = dict(num_classes=3, in_channels=[4, 5], taps=['mid', 'dec.5'], timesteps=[0, 10])
    return MultiProbeHead(**{**defaults, **options})


def features(batch=6):
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(batch, width, generator=generator) for width in (4, 5, 4, 5))


def samples(labels):
    return [DataSample().set_gt_label(label) for label in labels]


def test_every_probe_has_the_gradient_of_its_own_loss():
    head, given, labels = build(), features(), [0, 1, 2, 0, 1, 2]
    assert head.names == ('t0/mid', 't0/dec.5', 't10/mid', 't10/dec.5')
    head.loss(given, samples(labels))['loss'].backward()
    for probe, one in zip(head.probes, given):
        found = probe.weight.grad.clone()
        probe.zero_grad()
        F.cross_entropy(probe(one), torch.tensor(labels)).backward()
        torch.testing.assert_close(found, probe.weight.grad)


def test_predictions_and_accuracies_of_every_probe():
    head, given = build(shown='t10/dec.5'), features()
    labels = head(given)[2].argmax(1).tolist()  # the third probe is always right
    predicted = head.predict(given, samples(labels))
    for index, sample in enumerate(predicted):
        assert sample.probe_labels.tolist() == [
            int(head(given)[p, index].argmax()) for p in range(4)
        ]
        assert sample.pred_label == sample.probe_labels[3]
        torch.testing.assert_close(sample.pred_score.sum(), torch.tensor(1.0))
    metric = MultiProbeAccuracy()
    metric.process(None, [sample.to_dict() for sample in predicted])
    found = metric.evaluate(6)
    expected = (head(given).argmax(2) == torch.tensor(labels)).double().mean(1) * 100
    assert [found[f'probe/{name}'] for name in head.names] == pytest.approx(expected.tolist())
    assert found['probe/best'] == found['probe/t10/mid'] == 100


def test_standardized_probes_do_not_see_scale_and_shift():
    head, given = build(standardize=True), features(32)
    moved = tuple(one * 100 + 5 for one in given)
    torch.testing.assert_close(head(given), head(moved), rtol=1e-3, atol=1e-3)
    assert [name for name, _ in head.named_parameters()] == [
        name for name, _ in build().named_parameters()
    ]
    assert not torch.allclose(build()(given), build()(moved), atol=1)


def test_predict_without_samples():
    assert len(build().predict(features(2))) == 2


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(taps=['mid']), 'in_channels must have one for each of taps'),
        (dict(shown='t1/mid'), 'shown must be one of'),
        (dict(num_classes=1), 'at least 2'),
        (dict(timesteps=[]), 'timesteps must have at least one'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_bad_features_and_predictions():
    with pytest.raises(ValueError, match=r'must be \[\(4,\), \(5,\), \(4,\), \(5,\)\]'):
        build()(features()[:3])
    with pytest.raises(ValueError, match='no batch augmentation'):
        build().loss(features(1), [DataSample().set_gt_score(torch.ones(3) / 3)])
    with pytest.raises(ValueError, match='needs probe_labels'):
        MultiProbeAccuracy().process(None, [dict(gt_label=torch.tensor([0]))])
