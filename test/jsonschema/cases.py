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


def remotes(suite, draft):
    """The documents that cases may refer to, as the argument refs."""
    found = []
    for path in sorted((suite / "remotes").rglob("*.json")):
        name = path.relative_to(suite / "remotes").as_posix()
        top = name.split("/")[0]
        if top.startswith("draft") and top != draft:
            continue
        found.append({"name": HOST + name, "schema": json.loads(path.read_text())})
    return found


def main():
    suite = pathlib.Path(sys.argv[1])
    for draft, uri in SCHEMA.items():
        known = remotes(suite, draft)
        for path in sorted((suite / "tests" / draft).rglob("*.json")):
            optional = "optional" in path.parts
            for group in json.loads(path.read_text()):
                schema = group["schema"]
                text = json.dumps(schema)
                refs = known if HOST[:-1] in text else []
                if isinstance(schema, dict) and "$schema" not in schema:
                    schema = {"$schema": uri, **schema}
                for test in group["tests"]:
                    print("\t".join(map(cell, (
                        draft, "t" if optional else "f",
                        path.relative_to(suite / "tests" / draft).as_posix(),
                        group["description"] + ": " + test["description"],
                        json.dumps(schema), json.dumps(refs), json.dumps(test["data"]), "t" if test["valid"] else "f"))))


main()
