"""Tests of the renderers and of the signature file."""
