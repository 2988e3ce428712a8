"""Tasks: models, losses and data by name, and recipes that request them."""

from numlean.tasks.named import NamedTask, Split, get_task, task_names
from numlean.tasks.recipe import Recipe
from numlean.tasks.recorded_recipe import RecordedRecipe, UntrustedPathError

__all__ = [
    "NamedTask",
    "Recipe",
    "RecordedRecipe",
    "Split",
    "UntrustedPathError",
    "get_task",
    "task_names",
]
