"""Speech: settings, voices and models of its engines."""
