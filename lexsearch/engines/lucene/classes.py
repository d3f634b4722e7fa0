"""The Java classes that the Lucene engine uses, each with only the methods used.

Reflecting on a whole class, as pyjnius does by itself, takes milliseconds a class; these
declarations take microseconds. `L/` stands for `org/apache/lucene/`, `J/` for `java/`.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from lexsearch.engines.lucene import jvm as _jvm

_STRING = "LJ/lang/String;"
_CLASS = "LJ/lang/Class;"
_HANDLE = "LJ/lang/invoke/MethodHandle;"
_QUERY = "LL/search/Query;"
_BUILDER = "LL/analysis/custom/CustomAnalyzer$Builder;"
_READER = "LL/index/DirectoryReader;"
_MODE = "LL/index/IndexWriterConfig$OpenMode;"
_OCCUR = "LL/search/BooleanClause$Occur;"
_VALUES = "LL/queries/function/ValueSource;"
_SIMILARITY = "LL/search/similarities/Similarity;"

_TOKEN_STREAM = {"tokenStream": f"({_STRING}{_STRING})LL/analysis/TokenStream;"}
_STRING_FIELD = {"setStringValue": f"({_STRING})V"}

# class -> (constructors, methods, static members)
_DECLARATIONS: dict[str, tuple[list[str], dict[str, str], dict[str, str]]] = {
    "J/io/File": ([f"({_STRING})V"], {"toPath": "()LJ/nio/file/Path;"}, {}),
    "J/util/ArrayList": (
        ["()V"],
        {"add": "(LJ/lang/Object;)Z", "subList": "(II)LJ/util/List;"},
        {},
    ),
    "J/util/List": ([], {}, {}),
    "J/util/HashMap": (
        ["()V"],
        {
            "put": "(LJ/lang/Object;LJ/lang/Object;)LJ/lang/Object;",
            "entrySet": "()LJ/util/Set;",
        },
        {},
    ),
    "J/util/Map": ([], {"get": "(LJ/lang/Object;)LJ/lang/Object;"}, {}),
    "J/util/Set": ([], {}, {}),
    "J/util/Arrays": ([], {}, {"toString": f"([LJ/lang/Object;){_STRING}"}),
    "J/lang/invoke/MethodType": (
        [],
        {},
        {"methodType": f"({_CLASS}{_CLASS})LJ/lang/invoke/MethodType;"},
    ),
    "J/lang/invoke/MethodHandle": (
        [],
        {
            "asType": f"(LJ/lang/invoke/MethodType;){_HANDLE}",
            "invokeWithArguments": "(LJ/util/List;)LJ/lang/Object;",
        },
        {},
    ),
    "J/lang/invoke/MethodHandles$Lookup": (
        [],
        {
            "findGetter": f"({_CLASS}{_STRING}{_CLASS}){_HANDLE}",
            "findStatic": f"({_CLASS}{_STRING}LJ/lang/invoke/MethodType;){_HANDLE}",
        },
        {},
    ),
    "J/lang/invoke/MethodHandles": (
        [],
        {},
        {
            "publicLookup": "()LJ/lang/invoke/MethodHandles$Lookup;",
            "filterReturnValue": f"({_HANDLE}{_HANDLE}){_HANDLE}",
        },
    ),
    "L/store/Directory": ([], {}, {}),
    "L/store/FSDirectory": (
        [],
        {"close": "()V"},
        {"open": "(LJ/nio/file/Path;)LL/store/FSDirectory;"},
    ),
    "L/analysis/Analyzer": ([], _TOKEN_STREAM, {}),
    "L/analysis/en/EnglishAnalyzer": (["()V"], _TOKEN_STREAM, {}),
    "L/analysis/custom/CustomAnalyzer": (
        [],
        _TOKEN_STREAM,
        {"builder": f"(LJ/nio/file/Path;){_BUILDER}"},
    ),
    "L/analysis/custom/CustomAnalyzer$Builder": (
        [],
        {
            "withTokenizer": f"(LJ/lang/Class;LJ/util/Map;){_BUILDER}",
            "addTokenFilter": f"(LJ/lang/Class;LJ/util/Map;){_BUILDER}",
            "build": "()LL/analysis/custom/CustomAnalyzer;",
        },
        {},
    ),
    "L/analysis/miscellaneous/PerFieldAnalyzerWrapper": (
        ["(LL/analysis/Analyzer;LJ/util/Map;)V"],
        {},
        {},
    ),
    "L/analysis/TokenStream": (
        [],
        {
            "addAttribute": "(LJ/lang/Class;)LL/util/Attribute;",
            "reset": "()V",
            "incrementToken": "()Z",
            "end": "()V",
            "close": "()V",
        },
        {},
    ),
    "L/util/Attribute": ([], {}, {}),
    "L/analysis/tokenattributes/CharTermAttribute": ([], {"toString": f"(){_STRING}"}, {}),
    "L/analysis/tokenattributes/PositionIncrementAttribute": (
        [],
        {"getPositionIncrement": "()I"},
        {},
    ),
    "L/analysis/tokenattributes/OffsetAttribute": ([], {"startOffset": "()I"}, {}),
    "L/util/BytesRef": (["(LJ/lang/CharSequence;)V"], {}, {}),
    "L/document/Field$Store": (
        [],
        {},
        {"YES": "LL/document/Field$Store;", "NO": "LL/document/Field$Store;"},
    ),
    "L/index/IndexOptions": ([], {}, {"DOCS_AND_FREQS": "LL/index/IndexOptions;"}),
    "L/document/FieldType": (
        ["()V"],
        {"setIndexOptions": "(LL/index/IndexOptions;)V", "setOmitNorms": "(Z)V"},
        {},
    ),
    "L/document/Field": (
        [f"({_STRING}LJ/lang/CharSequence;LL/index/IndexableFieldType;)V"],
        _STRING_FIELD,
        {},
    ),
    "L/document/StoredField": ([f"({_STRING}{_STRING})V"], _STRING_FIELD, {}),
    "L/document/StringField": (
        [f"({_STRING}{_STRING}LL/document/Field$Store;)V"],
        _STRING_FIELD,
        {},
    ),
    "L/document/TextField": (
        [f"({_STRING}{_STRING}LL/document/Field$Store;)V"],
        _STRING_FIELD,
        {},
    ),
    "L/document/BinaryDocValuesField": (
        [f"({_STRING}LL/util/BytesRef;)V"],
        {"setBytesValue": "(LL/util/BytesRef;)V"},
        {},
    ),
    "L/document/Document": (
        ["()V"],
        {"add": "(LL/index/IndexableField;)V", "get": f"({_STRING}){_STRING}"},
        {},
    ),
    "L/index/Term": ([f"({_STRING}{_STRING})V"], {}, {}),
    "L/index/IndexWriterConfig": (
        ["(LL/analysis/Analyzer;)V"],
        {
            "setRAMBufferSizeMB": "(D)LL/index/IndexWriterConfig;",
            "setOpenMode": f"({_MODE})LL/index/IndexWriterConfig;",
        },
        {},
    ),
    "L/index/IndexWriterConfig$OpenMode": ([], {}, {"CREATE": _MODE}),
    "L/index/IndexWriter": (
        ["(LL/store/Directory;LL/index/IndexWriterConfig;)V"],
        {
            "addDocuments": "(LJ/lang/Iterable;)J",
            "deleteDocuments": "([LL/index/Term;)J",
            "deleteAll": "()J",
            "setLiveCommitData": "(LJ/lang/Iterable;)V",
            "commit": "()J",
            "forceMerge": "(I)V",
            "rollback": "()V",
        },
        {},
    ),
    "L/index/DirectoryReader": (
        [],
        {
            "numDocs": "()I",
            "incRef": "()V",
            "decRef": "()V",
            "getDocCount": f"({_STRING})I",
            "docFreq": "(LL/index/Term;)I",
            "close": "()V",
        },
        {
            "open": f"(LL/store/Directory;){_READER}",
            "openIfChanged": f"({_READER}){_READER}",
        },
    ),
    "L/index/SegmentInfos": (
        [],
        {"getUserData": "()LJ/util/Map;"},
        {"readLatestCommit": "(LL/store/Directory;)LL/index/SegmentInfos;"},
    ),
    "L/index/StoredFields": ([], {"document": "(I)LL/document/Document;"}, {}),
    "L/search/similarities/BM25Similarity": (["(FF)V"], {}, {}),
    "L/search/Query": ([], {"toString": f"(){_STRING}"}, {}),
    "L/search/TermQuery": (["(LL/index/Term;)V"], {}, {}),
    "L/search/PrefixQuery": (["(LL/index/Term;)V"], {}, {}),
    "L/search/PhraseQuery": ([f"({_STRING}[{_STRING})V"], {}, {}),
    "L/search/BoostQuery": ([f"({_QUERY}F)V"], {}, {}),
    "L/search/ConstantScoreQuery": ([f"({_QUERY})V"], {}, {}),
    "L/search/MatchAllDocsQuery": (["()V"], {}, {}),
    "L/search/FuzzyQuery": (
        ["(LL/index/Term;I)V"],
        {"rewrite": f"(LL/search/IndexSearcher;){_QUERY}"},
        {},
    ),
    "L/search/BooleanClause$Occur": (
        [],
        {},
        dict.fromkeys(("SHOULD", "MUST", "MUST_NOT", "FILTER"), _OCCUR),
    ),
    "L/search/BooleanQuery$Builder": (
        ["()V"],
        {
            "add": f"({_QUERY}{_OCCUR})LL/search/BooleanQuery$Builder;",
            "setMinimumNumberShouldMatch": "(I)LL/search/BooleanQuery$Builder;",
            "build": "()LL/search/BooleanQuery;",
        },
        {},
    ),
    "L/search/BooleanQuery": ([], {}, {}),
    "L/search/SynonymQuery$Builder": (
        [f"({_STRING})V"],
        {
            "addTerm": "(LL/index/Term;F)LL/search/SynonymQuery$Builder;",
            "build": "()LL/search/SynonymQuery;",
        },
        {},
    ),
    "L/search/SynonymQuery": ([], {}, {}),
    "L/search/MultiPhraseQuery$Builder": (
        ["()V"],
        {
            "add": "([LL/index/Term;I)LL/search/MultiPhraseQuery$Builder;",
            "setSlop": "(I)LL/search/MultiPhraseQuery$Builder;",
            "build": "()LL/search/MultiPhraseQuery;",
        },
        {},
    ),
    "L/search/MultiPhraseQuery": ([], {}, {}),
    "L/search/DoubleValuesSource": ([], {}, {"SCORES": "LL/search/DoubleValuesSource;"}),
    "L/queries/function/ValueSource": (
        [],
        {},
        {"fromDoubleValuesSource": f"(LL/search/DoubleValuesSource;){_VALUES}"},
    ),
    "L/queries/function/valuesource/ConstValueSource": (["(F)V"], {}, {}),
    "L/queries/function/valuesource/PowFloatFunction": (
        [f"({_VALUES}{_VALUES})V"],
        {},
        {},
    ),
    "L/queries/function/valuesource/LinearFloatFunction": (
        [f"({_VALUES}FF)V"],
        {"asDoubleValuesSource": "()LL/search/DoubleValuesSource;"},
        {},
    ),
    "L/queries/function/FunctionScoreQuery": (
        [f"({_QUERY}LL/search/DoubleValuesSource;)V"],
        {},
        {},
    ),
    "L/search/SortField$Type": ([], {}, {"STRING_VAL": "LL/search/SortField$Type;"}),
    "L/search/SortField": (
        [f"({_STRING}LL/search/SortField$Type;)V"],
        {},
        {"FIELD_SCORE": "LL/search/SortField;"},
    ),
    "L/search/Sort": (["([LL/search/SortField;)V"], {}, {}),
    "L/search/ScoreDoc": ([], {"doc": "I"}, {}),
    "L/search/FieldDoc": ([], {"doc": "I"}, {}),
    "L/search/TotalHits": ([], {"value": "J"}, {}),
    "L/search/TopFieldDocs": (
        [],
        {"scoreDocs": "[LL/search/ScoreDoc;", "totalHits": "LL/search/TotalHits;"},
        {},
    ),
    "L/search/TopFieldCollector": (
        [],
        {},
        {
            "createSharedManager": (
                "(LL/search/Sort;ILL/search/FieldDoc;I)LL/search/CollectorManager;"
            )
        },
    ),
    "L/search/CollectorManager": ([], {}, {}),
    "L/search/QueryCachingPolicy": ([], {}, {}),
    "L/search/UsageTrackingQueryCachingPolicy": (["(I)V"], {}, {}),
    "L/search/IndexSearcher": (
        ["(LL/index/IndexReader;)V"],
        {
            "setSimilarity": f"({_SIMILARITY})V",
            "setQueryCachingPolicy": "(LL/search/QueryCachingPolicy;)V",
            "storedFields": "()LL/index/StoredFields;",
            "count": f"({_QUERY})I",
            "search": f"({_QUERY}LL/search/CollectorManager;)LJ/lang/Object;",
        },
        {"setMaxClauseCount": "(I)V"},
    ),
}


calls = threading.RLock()
"""Held while Java is called: pyjnius methods are not safe to call from two threads at once."""


class _Java:
    """The declared classes by their short names: "Field$Store" is `Store`, and the builder of
    a "BooleanQuery" is `BooleanBuilder`.

    With two tools of jnius: `cast` to a subclass, and `find` a class object by name. Classes that
    are called by name are declared when that first happens, the others, which Java hands over, at
    once.
    """

    def __init__(self) -> None:
        self._jnius = _jvm.start()
        self.cast, self.find = self._jnius.cast, self._jnius.find_javaclass
        self._paths = {_short_name(path): path for path in _DECLARATIONS}
        for name, path in self._paths.items():
            constructors, _, statics = _DECLARATIONS[path]
            if not constructors and not statics:
                getattr(self, name)

    def __getattr__(self, name: str) -> Any:
        if name not in self._paths:
            raise AttributeError(name)
        path = self._paths[name]
        declared = _declare(self._jnius, _expand(path), *_DECLARATIONS[path])
        setattr(self, name, declared)
        return declared


@cache
def load() -> _Java:
    """The classes of this process."""
    return _Java()


def _short_name(path: str) -> str:
    outer, _, inner = path.rpartition("/")[2].rpartition("$")
    return outer.removesuffix("Query") + inner if outer.endswith("Query") else inner


def of_its_own(path: str) -> Any:
    """A declared class that nobody else has.

    A method of pyjnius remembers the object that it was last taken from, for all objects of
    its class; one that has its class to itself may be called from any thread, without a lock.
    """
    return _declare(_jvm.start(), _expand(path), *_DECLARATIONS[path])


def _declare(
    jnius: Any,
    path: str,
    constructors: list[str],
    methods: dict[str, str],
    statics: dict[str, str],
) -> Any:
    members: dict[str, Any] = {
        "__javaclass__": path,
        "__javaconstructor__": [(_expand(signature), False) for signature in constructors],
    }
    for name, signature in methods.items():
        kind = jnius.JavaMethod if signature.startswith("(") else jnius.JavaField
        members[name] = kind(_expand(signature))
    for name, signature in statics.items():
        kind = jnius.JavaStaticMethod if signature.startswith("(") else jnius.JavaStaticField
        members[name] = kind(_expand(signature))
    # What is declared here stands for the whole class wherever pyjnius meets it, unless filed
    # apart: Java's own classes are, so that other users of pyjnius get them complete.
    apart = {"classparams": ("lexsearch", "")} if path.startswith("java/") else {}
    return jnius.MetaJavaClass(path, (jnius.JavaClass,), members, **apart)


def _expand(name: str) -> str:
    """Write the package names out, at the start of a path and inside a signature."""
    for short, full in (("L/", "org/apache/lucene/"), ("J/", "java/")):
        if name.startswith(short):
            return full + name[len(short) :]
        name = name.replace(f"L{short}", f"L{full}")
    return name
