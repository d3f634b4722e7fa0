"""A rewriter is trained: on the best rewrites, on their order, then by its own tries."""
