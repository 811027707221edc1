"""Losses that come with parameters of their own: contrastive, masked, matching, adversarial.

None is here yet; a task's own loss is in `polymodal.tasks`.
"""

__all__: list[str] = []
