"""Pipelines: programs that run on a model server of their own, looked after from here."""
