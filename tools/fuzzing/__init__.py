"""A seeded campaign of damaged files against the commands: each ends in a result or a clear error."""
