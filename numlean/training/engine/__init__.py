"""Engines: execute a step operation by operation, or plan it once and replay it."""

from numlean.training.engine.protocol import Engine, engine_for

__all__ = ["Engine", "engine_for"]
