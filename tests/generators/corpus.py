"""The published corpus: which histories it has. `python tests/generators/corpus.py` writes it anew."""

import shlex
from pathlib import Path

from windtunnel.cli.entry import main
from windtunnel.generators import INTERFACES

PLACE = Path(__file__).parents[1] / "data" / "histories" / "generated"
HEAD = """# Generated histories with known verdicts

One per level of each interface, and one per fault, planted into a database of the interface's strongest level. `NAME.known.json`
says which models hold, fail, or stay open, and which operations the fault is made of. Written by this project, under its licence;
`python tests/generators/corpus.py` writes them anew, byte for byte, with these commands:

"""


def commands():
    """(name, words) of every history."""
    for interface, made in INTERFACES.items():
        strongest = next(iter(made.levels))
        for level in made.levels:
            yield f"{interface}-{level}", _words(interface, level, 40)
        for plant in made.plants:
            yield f"{interface}-{plant}", [*_words(interface, strongest, 6), "--plant", plant]


def _words(interface, level, operations):
    return ["generate", "--interface", interface, "--level", level, "--operations", str(operations), "--seed", "1"]


def write(place):
    """The whole corpus, into a folder."""
    lines = []
    for name, words in commands():
        assert main([*words, "-o", str(place / f"{name}.jsonl")]) == 0
        lines.append(f"    windtunnel {shlex.join([*words, '-o', f'{name}.jsonl'])}")
    (place / "README.md").write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(PLACE)
