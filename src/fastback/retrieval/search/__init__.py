"""From questions to passages: nearest vectors, shared words, both fused, and what a reranker says of them."""
