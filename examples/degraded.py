"""Checkpoints that are made of another model while they are loaded: its weights moved towards noise, layers left out.

They stand for the steps of a training run where none is at hand, and show what a study needs of a source of models.
"""

from __future__ import annotations

import json

import torch

from pyscore import Scorer
from pyscore.sweep.models import HuggingFaceLoader
from pyscore.sweep.study import Model

_SEED = 0


class Degraded(HuggingFaceLoader):
    """Loads a model of transformers and makes it worse.

    Options beside those of `pyscore.Scorer.from_pretrained`:
        kept: percent. Every weight matrix w becomes c w + (1 - c) s e for c = kept / 100, with s the standard deviation
            of w and e standard normal, the same for every c.
        layers: how many of the model's layers to keep, the first ones.
    """

    def stamp(self, model: Model) -> str | None:
        return f"{super().stamp(model)} {json.dumps(dict(model.options), sort_keys=True)}"

    def load(self, model: Model) -> Scorer:
        options = dict(model.options)
        kept, layers = float(options.pop("kept", 100)) / 100, options.pop("layers", None)
        whole = Scorer.from_pretrained(model.path, revision=model.revision, **options)
        if layers is not None:
            whole.model.model.layers = whole.model.model.layers[: int(layers)]
            whole.model.config.num_hidden_layers = int(layers)
        if kept < 1:
            _add_noise(whole.model, kept)
        # A second scorer, because the first one has looked at the model as it was.
        return Scorer(whole.model, whole.tokenizer, name=model.name, revision=model.revision)


@torch.no_grad()
def _add_noise(model: torch.nn.Module, kept: float) -> None:
    generator = torch.Generator().manual_seed(_SEED)
    for weight in model.parameters():
        if weight.ndim == 2:
            drawn = torch.randn(weight.shape, generator=generator).to(weight)
            weight.mul_(kept).add_(drawn, alpha=(1 - kept) * float(weight.float().std()))
