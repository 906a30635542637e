"""One scenario per module: `STEPS`, and `CAST = False` where no accounts exist at first."""
