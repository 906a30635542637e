"""Automations: the list that the frontend reads. Running automations is not implemented yet."""
