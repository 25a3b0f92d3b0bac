"""Sphinx's settings: `make docs` builds with every warning an error, after running every example."""

import os
import sys
from pathlib import Path

import fastnn

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

os.environ["COLUMNS"] = "88"  # of the commands' help

project = "fastnn"
author = "The fastnn authors"
version = release = fastnn.__version__

extensions = [
    "activation_pages",
    "commands",
    "public_names",
    "shown",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "extensions"]
nitpicky = True

html_theme = "furo"
copyright = author
pygments_dark_style = "github-dark"
html_title = "fastnn"
html_static_path = ["_static"]
html_css_files = ["fastnn.css"]
html_show_sourcelink = False

# No page loads anything from elsewhere.
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

default_role = "autolink"
autodoc_typehints = "none"  # the docstrings have them, with shapes
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

doctest_test_doctest_blocks = ""  # those of docstrings are among the tests

plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 150)]
plot_pre_code = "import numpy as np\nimport fastnn\n"
plot_rcparams = {"figure.facecolor": "white", "font.size": 9.0}
plot_apply_rcparams = True

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
