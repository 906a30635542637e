"""The stages of a chat turn, one module each; `completions.turn_pipeline` has their order."""
