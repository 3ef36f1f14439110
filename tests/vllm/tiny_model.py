"""Makes a model of 150,000 random weights that vLLM loads like any other: a Llama, and a tokenizer of single bytes."""

import json
import random
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

_HIDDEN, _HEADS, _KEY_HEADS, _HEAD, _INNER, _LAYERS = 64, 4, 2, 32, 128, 2
_SPECIAL = ("<|begin|>", "<|end|>", "<|pad|>")
_VOCABULARY = 256 + len(_SPECIAL)
_TEMPLATE = (
    "{% for m in messages %}<|begin|>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant: {% endif %}"
)


def make(folder: Path) -> None:
    """Write the model into `folder`: the same bytes each time."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {"bos_token": _SPECIAL[0], "eos_token": _SPECIAL[1], "pad_token": _SPECIAL[2]}
    texts = {
        "config.json": _config(),
        "tokenizer.json": _tokenizer(),
        "tokenizer_config.json": {
            **named,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": 2048,
            "chat_template": _TEMPLATE,
        },
    }
    for name, content in texts.items():
        (folder / name).write_text(json.dumps(content))
    (folder / "model.safetensors").write_bytes(_weights())


def _config() -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "torch_dtype": "bfloat16",
        "vocab_size": _VOCABULARY,
        "hidden_size": _HIDDEN,
        "intermediate_size": _INNER,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _KEY_HEADS,
        "head_dim": _HEAD,
        "hidden_act": "silu",
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
    }


def _tokenizer() -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [{"id": number, "content": text, "special": True, **flags} for number, text in enumerate(_SPECIAL)]
    tokens = [*_SPECIAL, *map(_letter, range(256))]
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": added,
        "pre_tokenizer": by_bytes,
        "decoder": by_bytes,
        "model": {"type": "BPE", "vocab": {token: number for number, token in enumerate(tokens)}, "merges": []},
    }


def _letter(byte: int) -> str:
    """How byte-level tokenizers write a byte: printable Latin-1 as it is, the others from U+0100 on, in order."""
    hidden = [*range(0x21), *range(0x7F, 0xA1), 0xAD]
    return chr(0x100 + hidden.index(byte)) if byte in hidden else chr(byte)


def _shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "model.embed_tokens.weight", (_VOCABULARY, _HIDDEN)
    for layer in range(_LAYERS):
        name = f"model.layers.{layer}"
        yield f"{name}.input_layernorm.weight", (_HIDDEN,)
        yield f"{name}.self_attn.q_proj.weight", (_HEADS * _HEAD, _HIDDEN)
        yield f"{name}.self_attn.k_proj.weight", (_KEY_HEADS * _HEAD, _HIDDEN)
        yield f"{name}.self_attn.v_proj.weight", (_KEY_HEADS * _HEAD, _HIDDEN)
        yield f"{name}.self_attn.o_proj.weight", (_HIDDEN, _HEADS * _HEAD)
        yield f"{name}.post_attention_layernorm.weight", (_HIDDEN,)
        yield f"{name}.mlp.gate_proj.weight", (_INNER, _HIDDEN)
        yield f"{name}.mlp.up_proj.weight", (_INNER, _HIDDEN)
        yield f"{name}.mlp.down_proj.weight", (_HIDDEN, _INNER)
    yield "model.norm.weight", (_HIDDEN,)
    yield "lm_head.weight", (_VOCABULARY, _HIDDEN)


def _weights() -> bytes:
    """Build a safetensors file: the length of a JSON header, the header, the numbers."""
    rng, header, data = random.Random(0), dict[str, object](), bytearray()
    for name, shape in _shapes():
        start = len(data)
        is_norm = len(shape) == 1
        count = shape[0] * (1 if is_norm else shape[-1])
        data += _bfloat16(1.0 if is_norm else rng.gauss(0, 0.02) for _ in range(count))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, len(data)]}
    head = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return struct.pack("<Q", len(head)) + head + data


def _bfloat16(values: Iterator[float]) -> bytes:
    """Keep the upper half of each 32-bit float."""
    return array("H", array("H", array("f", values).tobytes())[1::2]).tobytes()
