"""Read and write whole tables of either engine, row by row in values that both engines have."""
