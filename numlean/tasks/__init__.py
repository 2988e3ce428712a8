"""Tasks: models, losses and data by name, and recipes that request them."""

from numlean.tasks.named import NamedTask, Split, get_task, task_names
from numlean.tasks.recipe import Recipe

__all__ = ["NamedTask", "Recipe", "Split", "get_task", "task_names"]
