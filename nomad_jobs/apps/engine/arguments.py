"""The engine's arguments: vLLM's names, on the command line or in a YAML file; the command line wins."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from nomad_jobs.apps.engine.card import Settings
from nomad_jobs.apps.engine.middleware import load
from nomad_jobs.apps.engine.profiles import longest_request, read_speed
from nomad_jobs.apps.engine.scheduler import Limits
from nomad_jobs.apps.serving.run import add_arguments
from nomad_jobs.errors import ConfigError

_PORT = 8000
_KEYS = "api-key"
_LISTS = ("middleware",)
_BAD_KEYS = f"{_KEYS} must be a list of texts, none of them empty"


def parse(argv: Sequence[str] | None) -> tuple[argparse.Namespace, Settings]:
    """Read the command line and the file it names.

    Raises:
        ConfigError: the file has a key or value that is no argument, or nobody published the model's speed.

    """
    parser = _parser()
    given = parser.parse_args(argv)
    config = _read_config(given.config)
    api_keys = _api_keys(config)
    if unknown := sorted(config.keys() - {name.replace("_", "-") for name in vars(given)}):
        raise ConfigError(
            "--config",
            f"no such argument: {', '.join(unknown)}",
            "use vLLM's long names, such as max-num-seqs",
        )
    for name, value in config.items():
        parser.set_defaults(**{name.replace("-", "_"): value if name in _LISTS else str(value)})
    args = parser.parse_args(argv)
    return args, _settings(args, _good_keys(args.api_key, "--api-key") or api_keys)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m nomad_jobs.apps.engine", description=__doc__, allow_abbrev=False)
    add_arguments(parser, ports={"--port": _PORT}, shutdown_timeout_s=0)  # 0, as with vLLM: a stop cuts all requests
    parser.add_argument("model_tag", nargs="?", metavar="MODEL", help="the same as --model, which it beats")
    parser.add_argument("--model", metavar="ID", help="model whose published speed is simulated, as on Hugging Face")
    parser.add_argument("--served-model-name", metavar="NAME", help="its name in the API (default: the model's id)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML; keys are these arguments")
    parser.add_argument("--api-key", nargs="+", default=(), metavar="KEY", help="keys that /v1 alone asks for")
    text = "ASGI middleware as module.Class or module.coroutine, with PYTHONPATH set; may be repeated"
    parser.add_argument("--middleware", action="append", default=[], metavar="PATH", help=text)
    parser.add_argument(
        "--max-num-seqs",
        type=_positive,
        default=16,
        metavar="N",
        help="requests at once (default: %(default)s, the most that was measured)",
    )
    parser.add_argument(
        "--max-model-len",
        type=_positive,
        metavar="N",
        help="tokens of prompt and output (default: the longest that was measured)",
    )
    parser.add_argument(
        "--tensor-parallel-size",
        type=_positive,
        default=1,
        metavar="N",
        help="shown in the model card; the speed is the published shape's",
    )
    parser.add_argument(
        "--time-scale",
        type=_not_negative,
        default=1.0,
        metavar="X",
        help="1: published speed, 0: no waiting (default: %(default)s)",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _not_negative(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return float(text)


def _read_config(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        config = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        # PyYAML's message quotes the line, and the line may hold a key.
        raise ConfigError(str(path), "not YAML") from None
    if not isinstance(config, dict):
        raise ConfigError(str(path), "must be a mapping of argument names to values")
    return {str(name).replace("_", "-"): value for name, value in config.items()}


def _api_keys(config: dict[str, object]) -> tuple[str, ...]:
    """Take the keys out of `config`: without an entry /v1 is open; an empty key shows that a template went wrong."""
    if _KEYS not in config:
        return ()
    value = config.pop(_KEYS)
    keys = _good_keys(value if isinstance(value, list) else [value], "--config")
    if not keys:
        raise ConfigError("--config", _BAD_KEYS)
    return keys


def _good_keys(keys: Sequence[object], where: str) -> tuple[str, ...]:
    good = tuple(key for key in keys if isinstance(key, str) and key.strip())
    if len(good) < len(keys):
        raise ConfigError(where, _BAD_KEYS)
    return good


def _settings(args: argparse.Namespace, api_keys: tuple[str, ...]) -> Settings:
    model = args.model_tag or args.model
    if not model:
        raise ConfigError("--model", "is missing")
    speed = read_speed(model)
    limits = Limits(
        max_num_seqs=args.max_num_seqs,
        max_model_len=args.max_model_len or longest_request(speed.rows),
        time_scale=args.time_scale,
    )
    return Settings(
        speed=speed,
        served=args.served_model_name or model,
        limits=limits,
        tensor_parallel_size=args.tensor_parallel_size,
        api_keys=api_keys,
        middleware=load(args.middleware),
    )
