"""lexsearch: search your pictures by words.

>>> import lexsearch
>>> index = lexsearch.open("indexes/photos")            # doctest: +SKIP
>>> report = index.add("./images")                      # doctest: +SKIP
>>> for hit in index.search("bus, traffic light", k=3): # doctest: +SKIP
...     print(hit.rank, hit.score, hit.path)
"""

__version__ = "0.1.0"
