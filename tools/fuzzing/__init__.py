"""A seeded campaign of damaged files: each ends in a result or in a clear error."""
