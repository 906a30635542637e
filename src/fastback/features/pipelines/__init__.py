"""Pipelines: plugin programs that run on a pipelines server and are administered from here."""
