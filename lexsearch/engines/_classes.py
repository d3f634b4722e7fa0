"""The Java classes that the Lucene engine uses, each with only the methods used.

Reflecting on a whole class, as pyjnius does by itself, takes milliseconds a class; these
declarations take microseconds. `L/` stands for `org/apache/lucene/`, `J/` for `java/`.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from lexsearch.engines import _jvm

_STRING = "LJ/lang/String;"
_CLASS = "LJ/lang/Class;"
_HANDLE = "LJ/lang/invoke/MethodHandle;"
_QUERY = "LL/search/Query;"
_BUILDER = "LL/analysis/custom/CustomAnalyzer$Builder;"
_READER = "LL/index/DirectoryReader;"
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
        {"put": "(LJ/lang/Object;LJ/lang/Object;)LJ/lang/Object;"},
        {},
    ),
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
    "L/analysis/tokenattributes/OffsetAttribute": ([], {"startOffset": "()I"}, {}),
    "L/util/BytesRef": (["(LJ/lang/CharSequence;)V"], {}, {}),
    "L/document/Field$Store": ([], {}, {"YES": "LL/document/Field$Store;"}),
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
            "setSimilarity": f"({_SIMILARITY})LL/index/IndexWriterConfig;",
            "setRAMBufferSizeMB": "(D)LL/index/IndexWriterConfig;",
        },
        {},
    ),
    "L/index/IndexWriter": (
        ["(LL/store/Directory;LL/index/IndexWriterConfig;)V"],
        {
            "addDocuments": "(LJ/lang/Iterable;)J",
            "deleteDocuments": "([LL/index/Term;)J",
            "commit": "()J",
            "rollback": "()V",
        },
        {},
    ),
    "L/index/DirectoryReader": (
        [],
        {"numDocs": "()I", "close": "()V"},
        {
            "open": f"(LL/store/Directory;){_READER}",
            "openIfChanged": f"({_READER}){_READER}",
        },
    ),
    "L/index/StoredFields": ([], {"document": "(I)LL/document/Document;"}, {}),
    "L/search/similarities/BM25Similarity": (["(FF)V"], {}, {}),
    "L/util/QueryBuilder": (
        ["(LL/analysis/Analyzer;)V"],
        {"createBooleanQuery": f"({_STRING}{_STRING}){_QUERY}"},
        {},
    ),
    "L/search/Query": ([], {}, {}),
    "L/search/TermQuery": (["(LL/index/Term;)V"], {}, {}),
    "L/search/SortField$Type": ([], {}, {"STRING_VAL": "LL/search/SortField$Type;"}),
    "L/search/SortField": (
        [f"({_STRING}LL/search/SortField$Type;)V"],
        {},
        {"FIELD_SCORE": "LL/search/SortField;"},
    ),
    "L/search/Sort": (["([LL/search/SortField;)V"], {}, {}),
    "L/search/ScoreDoc": ([], {"doc": "I"}, {}),
    "L/search/FieldDoc": ([], {"doc": "I"}, {}),
    "L/search/TopFieldDocs": ([], {"scoreDocs": "[LL/search/ScoreDoc;"}, {}),
    "L/search/IndexSearcher": (
        ["(LL/index/IndexReader;)V"],
        {
            "setSimilarity": f"({_SIMILARITY})V",
            "storedFields": "()LL/index/StoredFields;",
            "search": f"({_QUERY}ILL/search/Sort;)LL/search/TopFieldDocs;",
        },
        {"setMaxClauseCount": "(I)V"},
    ),
}


@cache
def load() -> SimpleNamespace:
    """The declared classes by their short names ("Field$Store" is `Store`).

    With two tools of jnius: `cast` to a subclass, and `find` a class object by name.
    """
    jnius = _jvm.start()
    classes = {
        path.rpartition("/")[2].rpartition("$")[2]: _declare(jnius, _expand(path), *members)
        for path, members in _DECLARATIONS.items()
    }
    return SimpleNamespace(cast=jnius.cast, find=jnius.find_javaclass, **classes)


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
