"""The engine's settings, and its entry in `/v1/models`."""

from dataclasses import dataclass

from starlette.middleware import Middleware

from nomad_jobs.apps.engine.profiles import SOURCE, Speed
from nomad_jobs.apps.engine.scheduler import Limits

NOTE = "Berth's engine simulator: no model is loaded; it answers at the speed that was published for this one."


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The engine's settings; without `api_keys` and `middleware` it is open, as vLLM is."""

    speed: Speed
    served: str
    limits: Limits
    tensor_parallel_size: int
    api_keys: tuple[str, ...] = ()
    middleware: tuple[Middleware, ...] = ()

    def __repr__(self) -> str:
        """Leave the keys out."""
        return f"Settings({self.served!r}, {self.limits})"


def model_card(settings: Settings, created: int) -> dict[str, object]:
    """Build the model's entry: vLLM's fields, then that the engine simulates, what, and by which numbers.

    `created` is the engine's start in Unix seconds; `time_scale` 1 means published speed, 0 no waiting.
    """
    speed = settings.speed
    return {
        "id": settings.served,
        "object": "model",
        "created": created,
        "owned_by": "berth",
        "root": speed.model_id,
        "parent": None,
        "max_model_len": settings.limits.max_model_len,
        "permission": [],
        "simulated": True,
        "simulation": {
            "note": NOTE,
            "source": SOURCE,
            "hardware": speed.shape,
            "engine": speed.engine,
            "time_scale": settings.limits.time_scale,
            "tensor_parallel_size": settings.tensor_parallel_size,
            "profiles": {row.profile: {"ttft_ms": row.ttft_ms, "tpot_ms": row.tpot_ms} for row in speed.rows},
        },
    }
