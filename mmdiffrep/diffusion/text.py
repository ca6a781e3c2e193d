# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From prompts to conditions, with the tokenizers and text encoders of a pipeline's folder.

The pipeline's own ``encode_prompt`` is called, without its network and VAE; what it gives is kept
in a small file, and the text encoders are dropped. The next start reads the file.
"""

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import diffusers
import torch
from safetensors import SafetensorError

from mmdiffrep.diffusion.checkpoints import read_json, resolve_folder
from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.file_hashes import cache_folder, hash_files

logger = logging.getLogger('mmdiffrep')

_UNUSED = (
    'unet',
    'transformer',
    'vae',
    'safety_checker',
    'feature_extractor',
    'image_encoder',
    'scheduler',
)
_LIBRARIES = ('diffusers', 'transformers')


class PromptEncoder:
    """Encodes prompts as a pipeline does.

    Args:
        path_or_id: Folder of a pipeline, or hub id.
        keep: Keep the text encoders in memory between calls, to encode many prompts.

    Raises:
        FileNotFoundError: No such model; a folder without tokenizer or text encoder.
        ValueError: A pipeline that is not known; when it encodes: one whose parts need code of
            their own.
    """

    def __init__(self, path_or_id: str, keep: bool = False) -> None:
        self.folder = resolve_folder(path_or_id)
        self.keep = keep
        self._pipeline: Any = None
        index = self.folder / 'model_index.json'
        parts = sorted(
            folder.name
            for folder in self.folder.iterdir()
            if folder.is_dir() and folder.name.startswith(('tokenizer', 'text_encoder'))
        )
        if not index.is_file() or not {'tokenizer', 'text_encoder'} <= set(parts):
            raise FileNotFoundError(
                f"'{path_or_id}' cannot encode prompts: it has {parts or 'no text encoder'} where "
                'model_index.json, tokenizer/ and text_encoder/ are needed. Fetch them, or give '
                'the embeddings: condition=Condition(prompt_embeds=...), or the path of a file '
                'that Condition.save wrote.'
            )
        self._parts = parts
        self.pipeline_name = str(read_json(index).get('_class_name'))
        if self.pipeline_name not in _READERS:
            raise ValueError(
                f"'{index}' describes a {self.pipeline_name}, whose prompts are not known here. "
                f'Known are {", ".join(_READERS)}.'
            )

    def __call__(self, prompt: str | list[str] = '') -> Condition:
        """Encode one prompt, or one per image.

        Args:
            prompt: Text; the empty one says nothing about the image.

        Returns:
            A row per prompt, float32, on the CPU.
        """
        prompts = [prompt] if isinstance(prompt, str) else list(prompt)
        path = cache_folder() / 'prompts' / f'{self._key(prompts)}.safetensors'
        with suppress(OSError, SafetensorError, ValueError):
            return Condition.load(path)
        condition = self._encode(prompts)
        try:
            condition.save(path)
        except OSError as error:
            logger.info('Embedded prompts are not kept: %s', error)
        return condition

    def _key(self, prompts: list[str]) -> str:
        files = [
            path
            for part in self._parts
            for path in (self.folder / part).rglob('*')
            if path.is_file()
        ]
        facts = [self.pipeline_name, hash_files(files), diffusers.__version__, *prompts]
        return hashlib.sha256('\0'.join(facts).encode()).hexdigest()[:32]

    @torch.no_grad()
    def _encode(self, prompts: list[str]) -> Condition:
        if self._pipeline is None:
            kind = getattr(diffusers, self.pipeline_name)
            index = read_json(self.folder / 'model_index.json')
            without = {name: None for name in _UNUSED if name in index}
            _refuse_own_code(self.folder, {k: v for k, v in index.items() if k not in without})
            stored = [path.name for path in self.folder.glob('text_encoder*/*.safetensors')]
            only_half = bool(stored) and all('.fp16' in name for name in stored)
            try:
                self._pipeline = kind.from_pretrained(
                    str(self.folder), variant='fp16' if only_half else None, **without
                )
            except (OSError, ValueError, ImportError) as error:
                raise ValueError(
                    f"The text encoders in '{self.folder}' could not be loaded: {error}"
                ) from error
        condition = _READERS[self.pipeline_name](self._pipeline, prompts)
        if not self.keep:
            self._pipeline = None
        return condition.to('cpu', torch.float32)


def _refuse_own_code(folder: Path, index: dict[str, Any]) -> None:
    """Refuse parts of other libraries: diffusers would import their code, from the folder as well.

    Raises:
        ValueError: A part is of another library.
    """
    libraries = {name: part[0] for name, part in index.items() if isinstance(part, list) and part}
    foreign = {name: lib for name, lib in libraries.items() if lib not in (None, *_LIBRARIES)}
    if foreign:
        named = ', '.join(f'{name} of {library!r}' for name, library in foreign.items())
        raise ValueError(
            f"'{folder / 'model_index.json'}' names {named}; code of a model's folder is not run. "
            f'Expected parts of {" and ".join(_LIBRARIES)}: give the embeddings instead, as '
            'condition=Condition(prompt_embeds=...).'
        )


def _stable_diffusion(pipeline: Any, prompts: list[str]) -> Condition:
    embeds, _ = pipeline.encode_prompt(prompts, 'cpu', 1, False)
    return Condition(prompt_embeds=embeds)


def _pooled(pipeline: Any, prompts: list[str]) -> Condition:
    embeds, _, pooled, _ = pipeline.encode_prompt(
        prompt=prompts, do_classifier_free_guidance=False, **_second_prompts(pipeline)
    )
    return Condition(prompt_embeds=embeds, pooled_embeds=pooled)


def _second_prompts(pipeline: Any) -> dict[str, None]:
    # arguments without defaults: the prompts of the other encoders, None for the same one
    is_sd3 = hasattr(pipeline, 'tokenizer_3')
    return dict(prompt_2=None, prompt_3=None) if is_sd3 else dict(prompt_2=None)


def _flux(pipeline: Any, prompts: list[str]) -> Condition:
    embeds, pooled, _ = pipeline.encode_prompt(prompts, None)
    return Condition(prompt_embeds=embeds, pooled_embeds=pooled)


def _pixart(pipeline: Any, prompts: list[str]) -> Condition:
    embeds, mask, _, _ = pipeline.encode_prompt(prompts, do_classifier_free_guidance=False)
    return Condition(prompt_embeds=embeds, prompt_mask=mask.long())


_READERS = {
    'StableDiffusionPipeline': _stable_diffusion,
    'StableDiffusionXLPipeline': _pooled,
    'StableDiffusion3Pipeline': _pooled,
    'FluxPipeline': _flux,
    'PixArtAlphaPipeline': _pixart,
    'PixArtSigmaPipeline': _pixart,
}
