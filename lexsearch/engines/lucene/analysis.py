"""How texts become terms: Lucene's analyzers (java/lexsearch/Chains.java).

"english" brings word forms together with a list made from WordNet and KStem; "porter" is
Pyserini's default; see lexsearch.text.analysis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from itertools import islice

from lexsearch.engines.lucene import bridge
from lexsearch.engines.lucene.wire import numbers
from lexsearch.text.analysis import FORMS, Analyzer, Terms, Token, clean
from lexsearch.text.words import normal

_CHAINS = 2  # goes up with every change of the chains in Java


@cache
def fingerprint() -> str:
    """Changes whenever the same text would become other terms."""
    settings = b"%d" % _CHAINS + FORMS.read_bytes()
    return hashlib.blake2b(settings, digest_size=8).hexdigest()


def _run(texts: Sequence[str], chain: str) -> list[list[Token]]:
    """The terms of each text: all in one go, as crossing into Java for each would take longer
    than the work there.
    """
    if not texts:
        return []
    request = "\0".join(clean(normal(text)) for text in texts).encode()
    reply = bridge.ask(None, "analyze", chain, request)
    counts = numbers(reply[: 4 * len(texts)])
    beyond = 4 * (len(texts) + sum(counts))
    steps = numbers(reply[4 * len(texts) : beyond])
    tokens = map(Token, reply[beyond:].decode().split("\0"), steps)
    return [list(islice(tokens, count)) for count in counts]


class LuceneAnalyzer(Analyzer):
    """Lucene's analyzers, asked directly: no index is needed."""

    @property
    def fingerprint(self) -> str:
        return fingerprint()

    def tokens(self, text: str, chain: str) -> list[Token]:
        [tokens] = _run([text], chain)
        return tokens

    def analyze(self, texts: Sequence[str], chain: str) -> list[Terms]:
        return [tuple(token.term for token in tokens) for tokens in _run(texts, chain)]


ANALYZER = LuceneAnalyzer()
"""The one of this process: what it remembers serves all indexes."""
