"""One scenario a module: `STEPS`, and `CAST = False` where nobody has an account at first."""
