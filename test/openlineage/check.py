"""Every event, and every facet in it, against the published schemas, with formats.

    check.py SPEC EVENTS        SPEC: a folder with OpenLineage.json and facets/

EVENTS is a file with one event a line, or a folder that tests have filled
(collect.sql): a file for each, and in each line how the event came about.

The core schema does not look into facets, so each is judged by its own file;
and a facet that has none is an error.
"""

import glob
import json
import os
import sys
from collections import Counter

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

# What the events of the workload must show at least once, by place.
WANTED = {
    "run": {"nominalTime", "parent", "errorMessage", "processing_engine", "test"},
    "job": {"sql", "jobType", "documentation", "ownership", "sourceCodeLocation"},
    "dataset": {"schema", "columnLineage", "dataQualityAssertions", "version", "lifecycleStateChange", "ownership", "symlinks", "tags", "documentation"},
    "input": {"dataQualityMetrics", "inputStatistics", "dataQualityAssertions"},
    "output": {"outputStatistics"},
}
TERMINAL = {"COMPLETE", "FAIL", "ABORT"}


def load(spec):
    registry, facets = Registry(), {}
    for path in [f"{spec}/OpenLineage.json", *sorted(glob.glob(f"{spec}/facets/*.json"))]:
        with open(path, encoding="utf-8") as f:
            schema = json.load(f)
        registry = registry.with_resource(schema["$id"], Resource.from_contents(schema, default_specification=DRAFT202012))
        if path.endswith("OpenLineage.json"):
            core = schema["$id"]
        else:
            facets[schema["$id"]] = schema
    return registry, core, facets


def places(event):
    yield "run", event["run"].get("facets", {})
    yield "job", event["job"].get("facets", {})
    for side, own in (("inputs", "inputFacets"), ("outputs", "outputFacets")):
        for dataset in event.get(side, []):
            yield "dataset", dataset.get("facets", {})
            yield side[:-1], dataset.get(own, {})


def datasets(event):
    for side in ("inputs", "outputs"):
        for dataset in event[side]:
            yield dataset["namespace"], dataset["name"]


def collected(path):
    """The lines of all files: (test, how, event).  A line that a kill cut short is counted and left out."""
    lines, cut = [], 0
    for file in sorted(glob.glob(f"{path}/*.jsonl")):
        with open(file, encoding="utf-8") as f:
            for line in f:
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:
                    cut += line.strip() != ""
                    continue
                lines.append((os.path.basename(file)[: -len(".jsonl")], entry["how"], entry["event"]))
    return lines, cut


class Judge:
    """Judges events, and counts what it saw."""

    def __init__(self, spec):
        self.registry, core, self.facets = load(spec)
        self.formats = FormatChecker()
        assert {"date-time", "uuid", "uri"} <= set(self.formats.checkers), "formats are not checked: install rfc3339-validator and rfc3987"
        self.core, self.judges, self.seen, self.types, self.ended = self.of(core), {}, Counter(), Counter(), {}

    def of(self, ref):
        return Draft202012Validator({"$ref": ref}, registry=self.registry, format_checker=self.formats)

    def violations(self, test, event):
        if not self.types:
            assert not self.core.is_valid({**event, "eventTime": "yesterday"}), "the core schema lets a bad format pass"
        yield from (f"{e.json_path}: {e.message}" for e in self.core.iter_errors(event))
        self.types[event["eventType"]] += 1
        for place, members in places(event):
            for key, body in members.items():
                url = body["_schemaURL"]
                file, _, definition = url.partition("#")
                if file not in self.facets or list(self.facets[file]["properties"]) != [key]:
                    yield f"{place} facet {key}: {url} is no published schema of it"
                    continue
                if url not in self.judges:
                    self.judges[url] = self.of(url)
                    assert not self.judges[url].is_valid({**body, "_producer": "no uri"}), f"{url} lets a bad format pass"
                yield from (f"{place} facet {key}: {e.json_path}: {e.message}" for e in self.judges[url].iter_errors(body))
                self.seen[place, key] += 1
        # One name for a dataset wherever it stands.
        known = set(datasets(event))
        for output in event["outputs"]:
            lineage = output.get("facets", {}).get("columnLineage", {})
            fields = [i for f in lineage.get("fields", {}).values() for i in f["inputFields"]] + lineage.get("dataset", [])
            yield from (f"{i['namespace']} {i['name']} is not among its inputs" for i in fields if (i["namespace"], i["name"]) not in known)
        # A run ends in one way.
        if event["eventType"] in TERMINAL:
            before = self.ended.setdefault((test, event["run"]["runId"]), event["eventType"])
            if before != event["eventType"]:
                yield f"it had ended with {before}"

    def report(self):
        print(f"{sum(self.types.values())} events, {sum(self.seen.values())} facets of {len(self.seen)} kinds:",
              ", ".join(f"{p} {k} {n}" for (p, k), n in sorted(self.seen.items())))
        print("types:", dict(self.types))


def main(spec, path):
    judge, bad = Judge(spec), []
    if os.path.isdir(path):
        lines, cut = collected(path)
    else:
        with open(path, encoding="utf-8") as f:
            lines, cut = [("workload", "made", json.loads(line)) for line in f if line.strip()], 0
    assert lines, "no events"
    made = {json.dumps(event, sort_keys=True) for _, how, event in lines if how in ("made", "history")}
    judged, foreign, per_test = set(), 0, Counter()
    for test, how, event in lines:
        spelled = json.dumps(event, sort_keys=True)
        if how == "error":
            bad.append(f"{test}: an event could not be made: {event}")
        elif how == "outbox":
            # Written by the test itself, not by us.
            foreign += spelled not in made
        elif os.path.isfile(path) or (test, spelled) not in judged:
            judged.add((test, spelled))
            per_test[test] += 1
            bad += [f"{test}: {event.get('eventType')} of {event['job']['name']}: {v}" for v in judge.violations(test, event)]
    if os.path.isfile(path):
        for place, keys in WANTED.items():
            bad += [f"no event has the {place} facet {key}" for key in sorted(keys) if not judge.seen[place, key]]
    judge.report()
    if os.path.isdir(path):
        hows = Counter(how for _, how, _ in lines)
        print(f"from {len(per_test)} tests:", ", ".join(f"{t} {n}" for t, n in sorted(per_test.items())))
        print(f"{hows['made']} made when they happened or were asked for, {hows['history']} of what the history still had; the same event of a test counts once")
        print(f"{hows['outbox']} in an outbox at the end of a server, {foreign} of them not made by it; {cut} lines cut short by a kill")
    print(f"{len(bad)} violations")
    for line in bad[:50]:
        print("BAD", line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
