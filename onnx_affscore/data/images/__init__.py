"""Pictures as a model takes them: decoded, resized, cropped, scaled and laid out as it wants."""
