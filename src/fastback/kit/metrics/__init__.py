"""What one process counts and measures, for `/metrics`. It exists only where metrics are enabled."""

from fastback.kit.metrics.label_limit import LabelLimit
from fastback.kit.metrics.registry import Labels, Metrics

__all__ = ["LabelLimit", "Labels", "Metrics"]
