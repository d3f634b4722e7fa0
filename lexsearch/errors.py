"""What can go wrong, as one tree.

    LexsearchError
    ├── ImageError          one picture cannot be used (the rest of the work goes on)
    ├── CaptionerError      a captioner cannot be opened, or failed on a picture
    │   ├── ViewRefused            it will not describe this view, however often it is asked
    │   └── CaptionerUnavailable   it cannot go on at all (a server that is gone, say)
    ├── ModelError          a question to a language model has no answer
    │   ├── ModelRefused           it will not answer this one, for its content
    │   └── ModelUnavailable       no question will have one (a server that is gone, say)
    ├── ImportFormatError   a line of an imported file is not a caption
    ├── QueryError          the query holds nothing to search for
    │   └── QueryTooLarge   it holds too much: another query helps
    ├── RewritingError      pairs cannot be used, or a rewriter cannot be trained or used
    ├── EvaluationError     a data set, topics, qrels or a run cannot be used, or do not fit
    └── IndexUnusable         the index as a whole cannot be used
        ├── IndexNotFound   there is no index at that path
        ├── IndexLocked     another process is writing to it
        ├── IndexReadOnly   it may be searched but not changed
        ├── StorageError    the disk is full or failing
        └── EngineError     the text index cannot be used, by what helps:
            ├── EngineBroken        it is missing or damaged: a rebuild from the captions
            ├── EngineOutdated      it was made by another version: a rebuild as well
            └── EngineUnavailable   the engine cannot run here and now: later, or elsewhere

Every message names the file it is about and the next step. Errors of foreign libraries are
translated where they arise; nothing above the storage and engine modules ever sees one.
"""

__all__ = [
    "CaptionerError",
    "CaptionerUnavailable",
    "EngineBroken",
    "EngineError",
    "EngineOutdated",
    "EngineUnavailable",
    "EvaluationError",
    "ImageError",
    "ImportFormatError",
    "IndexLocked",
    "IndexNotFound",
    "IndexReadOnly",
    "IndexUnusable",
    "LexsearchError",
    "ModelError",
    "ModelRefused",
    "ModelUnavailable",
    "QueryError",
    "QueryTooLarge",
    "RewritingError",
    "StorageError",
    "ViewRefused",
]


class LexsearchError(Exception):
    """Base of everything lexsearch raises on purpose."""


class ImageError(LexsearchError):
    """One image file cannot be used; the message is the reason, without the path."""


class CaptionerError(LexsearchError):
    """A captioner is unknown, not installed, or failed on a picture."""


class ViewRefused(CaptionerError):
    """A captioner will not describe this one view (it was flagged, or refused): asking again is
    in vain, and may cost money. It is remembered, and not asked again unless `--again` is given.
    """


class CaptionerUnavailable(CaptionerError):
    """A captioner that worked, or seemed to, cannot go on: trying further pictures is in vain."""


class ModelError(LexsearchError):
    """A language model cannot be asked, or one question has no answer."""


class ModelRefused(ModelError):
    """The model, or what stands in front of it, will not answer this question for its content."""


class ModelUnavailable(ModelError):
    """No further question will be answered: the server is gone, or its key or address is wrong."""


class ImportFormatError(LexsearchError):
    """A row of an imported captions file cannot be understood."""


class QueryError(LexsearchError):
    """A query that holds no keyword."""


class QueryTooLarge(QueryError):
    """A query that asks for more words than the engine can look for."""


class RewritingError(LexsearchError):
    """Pairs of queries and rewrites cannot be used, or a rewriter cannot be trained or used."""


class EvaluationError(LexsearchError):
    """Topics, judgements or a data set cannot be read, or do not fit what is searched."""


class IndexUnusable(LexsearchError):
    """The index as a whole cannot be used as asked."""


class IndexNotFound(IndexUnusable):
    """There is no index at the given path."""


class IndexLocked(IndexUnusable):
    """Another process is writing to the index."""


class IndexReadOnly(IndexUnusable):
    """The index folder may not be written to."""


class StorageError(IndexUnusable):
    """Writing failed: the disk is full, or failing."""


class EngineError(IndexUnusable):
    """The text index cannot be used. Its subclasses say what helps."""


class EngineBroken(EngineError):
    """The text index is missing or damaged; a rebuild from the captions helps."""


class EngineOutdated(EngineError):
    """The text index was made by another version; a rebuild from the captions helps."""


class EngineUnavailable(EngineError):
    """The engine cannot run here and now: no rebuild helps, but another moment or machine may."""
