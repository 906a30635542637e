"""Skills: instructions with files that users write for models, stored with their revisions."""
