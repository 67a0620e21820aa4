"""Statistics of signatures: alignment, differences, distances, clusters, curves, associations."""
