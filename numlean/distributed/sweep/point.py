"""A point of a sweep: the recipe of a run, identified by its digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import final

from numlean.precision import format_policy
from numlean.tasks.recipe import Recipe
from numlean.tasks.sources import TaskName


@final
@dataclass(frozen=True)
class Point:
    """A point of a sweep.

    Attributes:
        recipe: The settings of its run.
    """

    recipe: Recipe

    @cached_property
    def text(self) -> str:
        """The recipe as JSON, the same text for equal recipes."""
        return json.dumps(self.recipe.to_plain(), sort_keys=True, separators=(",", ":"))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the recipe: 64 hexadecimal digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def arithmetic(self) -> str:
        """The dtype, or ``policy:`` and the policy."""
        policy = self.recipe.policy
        return self.recipe.dtype if policy is None else f"policy:{format_policy(policy)}"

    @property
    def task_name(self) -> str:
        """The name of the task, or the file of a table."""
        source = self.recipe.task
        return source.name if isinstance(source, TaskName) else source.path

    def __str__(self) -> str:
        return f"{self.task_name} in {self.arithmetic}, seed {self.recipe.seed}"
