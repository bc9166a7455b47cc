#!/usr/bin/env bash
# companies.sh FILE: writes the list of companies that the analyst knows by name: lines of TICKER, a tab, NAME.
#
# The rows are the SEC's company_tickers (public domain), the larger companies first, as the Python package edgartools (MIT)
# holds them in a parquet. One row a company, with the first of its tickers that an exchange lists; legal suffixes are cut,
# names all in capitals are set as names are. Prints what belongs into src/vexy_ai/local/companies.rs.
set -euo pipefail
[ $# = 1 ] || { echo "usage: companies.sh FILE" >&2; exit 2; }
file=$1
version=5.62.1
wheel_sha256=cfc0ca417bbb44b97ab6aeaa237bcc633ec696a7e6de8810574a3f73350b9015

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow
"$work/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$work" "edgartools==$version"
echo "$wheel_sha256  $(echo "$work"/edgartools-*.whl)" | sha256sum --check --quiet

"$work/venv/bin/python" - "$work"/edgartools-*.whl "$file" <<'PYTHON'
import io
import re
import sys
import zipfile

import pyarrow.parquet

wheel, file = sys.argv[1:]
parquet = zipfile.ZipFile(wheel).read("edgar/reference/data/company_tickers.parquet")
rows = pyarrow.parquet.read_table(io.BytesIO(parquet)).to_pylist()

LEGAL = set(
    """inc incorporated corp corporation co company companies ltd limited plc llc lp llp nv sa ag se ab asa spa kgaa oyj bv
    pbc sab cv aktiengesellschaft publ adr adrs ads the new""".split()
)
SPACED = re.compile(
    r"[ ,]+(?:s\.?\s?a\.?(?:\s?b\.?)?(?:\s?de\s?c\.?\s?v\.?)?|s\.?\s?p\.?\s?a\.?|n\.?\s?v\.?|b\.?\s?v\.?|a\s?/\s?s|a\.\s?s\.?|a s|a\.?\s?g\.?"
    r"|l\.?\s?l\.?\s?c\.?|l\.?\s?t\.?\s?d\.?|p\.?\s?l\.?\s?c\.?|l\.?\s?p\.?)$",
    re.IGNORECASE,
)


def cut(name, ticker):
    # A place of registration or a remark: /DE/, \NEW\, /ADR.
    name = re.sub(r"\s*[/\\][A-Za-z .]{1,12}[/\\]?\s*$", "", name).strip()
    while True:
        before = name
        name = re.sub(r"[\s,.&/\\-]+$", "", name)
        name = SPACED.sub("", name)
        word = re.search(r"[\s,]+\(?([A-Za-z.]+)\)?$", name)
        if word and word[1].replace(".", "").lower() in LEGAL:
            name = name[: word.start()]
        name = re.sub(r"[\s,.]+(?:&|and)$", "", name, flags=re.IGNORECASE)
        if name == before:
            break
    name = re.sub(r"^the\s+(?=\S+\s)", "", name, flags=re.IGNORECASE)
    if name == name.upper():
        small = {"OF", "AND", "THE", "FOR", "DE", "LA"}
        words = []
        for i, word in enumerate(re.split(r"([ \-&/])", name)):
            if word in small and i:
                word = word.lower()
            elif word != ticker and len(word) > 3 and re.search("[AEIOUY]", word):
                word = word[0] + word[1:].lower()
            elif word in {"COM", "NET", "OIL", "GAS", "AIR", "NEW", "BAY", "RED", "SUN", "KEY", "ONE", "BIG", "ICE"}:
                word = word[0] + word[1:].lower()
            words.append(word)
        name = "".join(words)
    return re.sub(r"\s+", " ", name)


best = {}
for row in rows:
    row["ticker"] = row["ticker"].strip().upper()
    if re.fullmatch(r"[A-Z0-9][A-Z0-9.-]{0,9}", row["ticker"]):
        known = best.setdefault(row["cik"], row)
        if known["exchange"] == "OTC" and row["exchange"] in ("NYSE", "Nasdaq", "CBOE"):
            best[row["cik"]] = row

lines, names = [], set()
for row in best.values():
    ticker, name = row["ticker"], row["name"]
    short = cut(name, ticker)
    if len(short) < 2 or short.lower() in names:
        continue
    names.add(short.lower())
    lines.append(f"{ticker}\t{short}\n")

with open(file, "w", encoding="utf-8", newline="\n") as out:
    out.writelines(lines)
print(f"rows read {len(rows)}, written {len(lines)}")
PYTHON
printf 'edgartools %s\n%s bytes, SHA-256 %s\n' "$version" "$(wc -c <"$file")" "$(sha256sum <"$file" | cut -d' ' -f1)"
