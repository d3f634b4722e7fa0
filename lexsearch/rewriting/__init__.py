"""Queries that learn what the search understands (MGQRe).

`Rewriter` uses what `lexsearch rewrite train` made. Where pairs come from is in `making` and
`lexicon_pairs`, who judges them in `retriever`, how a rewriter is trained in `training`.
"""

from lexsearch.rewriting.rewriter import Rewriter, Rewritten

__all__ = ["Rewriter", "Rewritten"]
