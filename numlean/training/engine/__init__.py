"""How a step is executed: operation by operation, or planned once and replayed."""

from numlean.training.engine.protocol import Engine, engine_for

__all__ = ["Engine", "engine_for"]
