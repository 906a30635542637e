"""Every key of the stored configuration: a constant for each, a module for each area."""
