"""The Dockerfiles without an engine: read, and their steps replayed in a folder."""
