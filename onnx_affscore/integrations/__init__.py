"""Where signatures go besides files: other people's tools, each in a module of its own."""
