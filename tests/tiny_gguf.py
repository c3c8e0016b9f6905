"""A language model of a megabyte in llama.cpp's format, whose every probability is known.

It is a bigram table in the shape of a Llama network: one-hot embeddings, one block of nothing but zeros, and
an output matrix that holds the logits. Its tokens are the 256 bytes, an end of text, and some unused ones.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 288
END_OF_TEXT = 256
_EPSILON = 1e-6
_HEADS, _HEAD = 2, 32

_UINT32, _FLOAT32, _BOOL, _STRING, _ARRAY, _INT32 = 4, 6, 7, 8, 9, 5
_NORMAL, _CONTROL, _UNUSED = 1, 3, 5


def logprobs() -> np.ndarray:
    """Return ln P(next | last), indexed by [last, next]."""
    logits = np.random.default_rng(7).normal(0, 2, (SIZE, SIZE))
    logits[:, END_OF_TEXT + 1 :] = -30
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def write(path: Path) -> Path:
    """Write the model and return its path."""
    identity = np.sqrt(SIZE) * np.eye(SIZE)
    # what the normalisation takes from a one-hot vector is given back here
    output = logprobs().T * np.sqrt((1 + _EPSILON) / SIZE)
    width = _HEADS * _HEAD
    tensors = {
        "token_embd.weight": identity,
        "output_norm.weight": np.ones(SIZE),
        "output.weight": output,
        "blk.0.attn_norm.weight": np.ones(SIZE),
        "blk.0.ffn_norm.weight": np.ones(SIZE),
        **{f"blk.0.attn_{name}.weight": np.zeros((width, SIZE)) for name in "qkv"},
        "blk.0.attn_output.weight": np.zeros((SIZE, width)),
        **{f"blk.0.ffn_{name}.weight": np.zeros((width, SIZE)) for name in ("gate", "up")},
        "blk.0.ffn_down.weight": np.zeros((SIZE, width)),
    }
    kinds = [_NORMAL] * 256 + [_CONTROL] + [_UNUSED] * (SIZE - 257)
    values = {
        "general.architecture": (_STRING, "llama"),
        "llama.context_length": (_UINT32, 512),
        "llama.embedding_length": (_UINT32, SIZE),
        "llama.block_count": (_UINT32, 1),
        "llama.feed_forward_length": (_UINT32, width),
        "llama.attention.head_count": (_UINT32, _HEADS),
        "llama.attention.key_length": (_UINT32, _HEAD),
        "llama.attention.value_length": (_UINT32, _HEAD),
        "llama.rope.dimension_count": (_UINT32, _HEAD),
        "llama.attention.layer_norm_rms_epsilon": (_FLOAT32, _EPSILON),
        "tokenizer.ggml.model": (_STRING, "gpt2"),
        "tokenizer.ggml.pre": (_STRING, "gpt-2"),
        "tokenizer.ggml.tokens": (_ARRAY, (_STRING, _pieces())),
        "tokenizer.ggml.token_type": (_ARRAY, (_INT32, kinds)),
        "tokenizer.ggml.merges": (_ARRAY, (_STRING, [])),
        "tokenizer.ggml.eos_token_id": (_UINT32, END_OF_TEXT),
        "tokenizer.ggml.add_bos_token": (_BOOL, False),
        "tokenizer.chat_template": (_STRING, "{% for m in messages %}{{ m['content'] }}?{% endfor %}"),
    }
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(values))]
    for name, (kind, value) in values.items():
        head += [_packed(_STRING, name), struct.pack("<I", kind), _packed(kind, value)]
    offset = 0
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        head += [_packed(_STRING, name), struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, offset)]
        offset += len(_aligned(tensor.astype("<f4").tobytes()))
    body = b"".join(_aligned(tensor.astype("<f4").tobytes()) for tensor in tensors.values())
    path.write_bytes(_aligned(b"".join(head)) + body)
    return path


def _pieces() -> list[str]:
    """Spell the bytes as GPT-2 does, which moves those that are no visible character behind the others."""
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    moved = iter(range(256, 512))
    return [
        *(chr(byte if byte in visible else next(moved)) for byte in range(256)),
        "<|endoftext|>",
        *(f"<|unused{number}|>" for number in range(SIZE - 257)),
    ]


def _packed(kind: int, value: Any) -> bytes:
    if kind == _STRING:
        return struct.pack("<Q", len(value.encode())) + value.encode()
    if kind == _ARRAY:
        inner, items = value
        return struct.pack("<IQ", inner, len(items)) + b"".join(_packed(inner, item) for item in items)
    return struct.pack({_UINT32: "<I", _INT32: "<i", _FLOAT32: "<f", _BOOL: "<?"}[kind], value)


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 32)
