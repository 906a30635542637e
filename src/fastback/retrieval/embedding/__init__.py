"""Vectors of texts: the engines that make them, what is remembered of them."""
