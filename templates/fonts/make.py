"""Subsets Source Sans 3 for the server-made PDF: Latin, Greek and the signs that reports use.

    npm pack source-sans@3.52.0 && tar xzf source-sans-3.52.0.tgz
    pip install fonttools==4.68.0
    python templates/fonts/make.py package templates/fonts

No layout tables and no hints: the report places every glyph by its own advance. The licence reserves the name "Source"
for the original, so that the subsets are called "Regimen Sans".
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3A9), (0x3B1, 0x3C9), (0x2010, 0x2015), (0x2018, 0x2022), (0x2026, 0x2026),
    (0x202F, 0x202F), (0x2030, 0x2033), (0x2039, 0x203A), (0x2044, 0x2044), (0x2070, 0x208E), (0x20AC, 0x20AC),
    (0x2122, 0x2122), (0x2150, 0x215E), (0x2190, 0x2193), (0x2212, 0x2212), (0x221A, 0x221A), (0x221E, 0x221E),
    (0x2248, 0x2248), (0x2260, 0x2260), (0x2264, 0x2265), (0x25A0, 0x25A1), (0x25B2, 0x25B2), (0x25CB, 0x25CB),
    (0x25CF, 0x25CF), (0x2713, 0x2713),
]


def make(source: Path, target: Path, style: str) -> None:
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "DSIG", "kern", "STAT", "BASE"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    options.glyph_names = False
    font = TTFont(source, recalcTimestamp=False)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[sign for first, last in RANGES for sign in range(first, last + 1)])
    subsetter.subset(font)
    names = {1: f"Regimen Sans {style}", 3: f"Regimen Sans {style} 1", 4: f"Regimen Sans {style}", 6: f"RegimenSans-{style}"}
    for record in font["name"].names:
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID == 2:
            record.string = "Regular"
    font.save(target)
    print(target, target.stat().st_size)


if __name__ == "__main__":
    package, out = Path(sys.argv[1]), Path(sys.argv[2])
    for name in ("Regular", "Semibold"):
        make(package / "TTF" / f"SourceSans3-{name}.ttf", out / f"regimen-sans-{name.lower()}.ttf", name)
    (out / "OFL.txt").write_text((package / "LICENSE.md").read_text())
