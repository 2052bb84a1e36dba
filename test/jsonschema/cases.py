"""The cases of a JSON-Schema-Test-Suite as lines for COPY: cases.py SUITE."""

import json
import pathlib
import sys

SCHEMA = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
HOST = "http://localhost:1234/"


def cell(text):
    """One field of COPY's text format."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def remotes(suite):
    """The documents that cases may refer to, by their draft ("" for all of them)."""
    found = {}
    for path in sorted((suite / "remotes").rglob("*.json")):
        name = path.relative_to(suite / "remotes").as_posix()
        top = name.split("/")[0]
        found.setdefault(top if top.startswith("draft") else "", []).append(
            {"name": HOST + name, "schema": json.loads(path.read_text())})
    return found


def references(known, draft, text):
    """The argument refs: documents of this draft, and of others those that it names."""
    if HOST[:-1] not in text:
        return []
    return [ref for top, refs in known.items() for ref in refs
            if top in ("", draft) or json.dumps(ref["name"]) in text]


def main():
    suite = pathlib.Path(sys.argv[1])
    known = remotes(suite)
    for draft, uri in SCHEMA.items():
        for path in sorted((suite / "tests" / draft).rglob("*.json")):
            optional = "optional" in path.parts
            for group in json.loads(path.read_text()):
                schema = group["schema"]
                text = json.dumps(schema)
                refs = references(known, draft, text)
                if isinstance(schema, dict) and "$schema" not in schema:
                    schema = {"$schema": uri, **schema}
                for test in group["tests"]:
                    print("\t".join(map(cell, (
                        draft, "t" if optional else "f",
                        path.relative_to(suite / "tests" / draft).as_posix(),
                        group["description"] + ": " + test["description"],
                        json.dumps(schema), json.dumps(refs), json.dumps(test["data"]), "t" if test["valid"] else "f"))))


main()
