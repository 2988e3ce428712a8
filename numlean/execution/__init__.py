"""How a step is carried out: operation by operation, or planned once and replayed."""

from numlean.execution.engine import BACKENDS, Engine, engine_for

__all__ = ["BACKENDS", "Engine", "engine_for"]
