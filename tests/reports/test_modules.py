"""The modules of the page: what they import exists, and joined into one scope their names do not collide."""

import re
from importlib.resources import files

from windtunnel.reports.html import SCRIPTS

STATIC = files("windtunnel.reports") / "static"
SOURCES = {name: (STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS}
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", re.MULTILINE)


def test_every_module_of_the_folder_is_in_the_page():
    """No file is forgotten, none is named that is not there."""
    assert sorted(SCRIPTS) == sorted(path.name for path in STATIC.iterdir() if path.name.endswith(".js"))


def test_imports_are_exported_before_they_are_used():
    """Each imported name is exported by a module that stands earlier in the page."""
    for place, (name, text) in enumerate(SOURCES.items()):
        for names, source in re.findall(r'^import \{([^}]*)\} from "\./([\w.]+)";$', text, re.MULTILINE):
            assert source in SCRIPTS[:place], f"{name} imports {source}, which comes later"
            exported = set(re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", SOURCES[source], re.MULTILINE))
            assert {word.strip() for word in names.split(",") if word.strip()} <= exported, f"{name} from {source}"
        assert text.count("\nimport ") + text.startswith("import ") == len(
            re.findall(r'^import \{[^}]*\} from "\./', text, re.MULTILINE)
        )


def test_names_do_not_collide():
    """The page has one scope: a name is declared once in all modules."""
    seen = {}
    for name, text in SOURCES.items():
        for word in DECLARED.findall(text):
            assert word not in seen, f"{word} is declared in {seen[word]} and in {name}"
            seen[word] = name


def test_imported_names_are_used():
    """What a module imports, it needs."""
    for name, text in SOURCES.items():
        for names in re.findall(r"^import \{([^}]*)\}", text, re.MULTILINE):
            for word in filter(None, (part.strip() for part in names.split(","))):
                assert len(re.findall(rf"\b{word}\b", text)) > 1, f"{name} imports {word} for nothing"
