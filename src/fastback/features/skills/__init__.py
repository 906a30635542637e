"""Skills: instructions with files that people write for models, kept with their versions."""
