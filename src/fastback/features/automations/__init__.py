"""Automations: prompts that run by a schedule. `fastback.completions.automations` runs them."""
