"""Pictures: settings and models of the engines that make them."""
