"""The stages of a chat turn, one module each; `completions.turn` has their order."""
