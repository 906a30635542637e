"""Image generation: settings and models of its engines."""
