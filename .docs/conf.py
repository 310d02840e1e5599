"""Sphinx: guides are the notebooks and the pages beside them, the reference is what docstrings say."""

import re
from importlib.metadata import version as installed

project = "jaxmech"
author = "The jaxmech maintainers"
version = release = installed("jaxmech")
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "index"
html_theme = "furo"
html_title = f"jaxmech {release}"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
highlight_language = "none"  # what is Python says so

# Notebooks are executed by CI; here their outputs are shown as they are.
nb_execution_mode = "off"
nb_render_markdown_format = "myst"  # tables that cells write are tables
nb_merge_streams = True
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
suppress_warnings = [
    "mystnb.unknown_mime_type",
    "ref.python",  # fields of several records have the same name
]

napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "returns_style"), ("Proof", "returns_style")]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
add_module_names = False
toc_object_entries = False


def _as_written(app, what, name, obj, options, lines):
    """Bars are absolute values here, and stars are powers: no markup of reStructuredText."""
    for place, line in enumerate(lines):
        parts = re.split(r"(``[^`]*``|:\w+:`[^`]*`)", line)
        lines[place] = "".join(
            part if k % 2 else part.replace("|", r"\|").replace("*", r"\*") for k, part in enumerate(parts)
        )


def setup(app):
    """Connect."""
    app.connect("autodoc-process-docstring", _as_written, priority=900)
