"""Every event, and every facet in it, against the published schemas, with formats.

    check.py SPEC EVENTS        SPEC: a folder with OpenLineage.json and facets/

The core schema does not look into facets, so each is judged by its own file;
and a facet that has none is an error.
"""

import glob
import json
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


def main(spec, path):
    registry, core, facets = load(spec)
    formats = FormatChecker()
    assert {"date-time", "uuid", "uri"} <= set(formats.checkers), "formats are not checked: install rfc3339-validator and rfc3987"
    judge = lambda ref: Draft202012Validator({"$ref": ref}, registry=registry, format_checker=formats)
    core_judge, judges, seen, bad, ended = judge(core), {}, Counter(), [], {}
    with open(path, encoding="utf-8") as f:
        events = [json.loads(line) for line in f if line.strip()]
    assert events, "no events"
    for n, event in enumerate(events):
        name = f"event {n} {event.get('eventType')} of {event['job']['name']}"
        bad += [f"{name}: {e.json_path}: {e.message}" for e in core_judge.iter_errors(event)]
        for place, members in places(event):
            for key, body in members.items():
                url = body["_schemaURL"]
                file, _, definition = url.partition("#")
                if file not in facets or list(facets[file]["properties"]) != [key]:
                    bad.append(f"{name}: {place} facet {key}: {url} is no published schema of it")
                    continue
                if url not in judges:
                    judges[url] = judge(url)
                bad += [f"{name}: {place} facet {key}: {e.json_path}: {e.message}" for e in judges[url].iter_errors(body)]
                seen[place, key] += 1
        # One name for a dataset wherever it stands.
        known = set(datasets(event))
        for output in event["outputs"]:
            lineage = output.get("facets", {}).get("columnLineage", {})
            fields = [i for f in lineage.get("fields", {}).values() for i in f["inputFields"]] + lineage.get("dataset", [])
            bad += [f"{name}: {i['namespace']} {i['name']} is not among its inputs" for i in fields if (i["namespace"], i["name"]) not in known]
        # A run ends in one way.
        if event["eventType"] in TERMINAL:
            before = ended.setdefault(event["run"]["runId"], event["eventType"])
            if before != event["eventType"]:
                bad.append(f"{name}: it had ended with {before}")
    for place, keys in WANTED.items():
        bad += [f"no event has the {place} facet {key}" for key in sorted(keys) if not seen[place, key]]
    print(f"{len(events)} events, {sum(seen.values())} facets of {len(seen)} kinds:", ", ".join(f"{p} {k} {n}" for (p, k), n in sorted(seen.items())))
    print("types:", dict(Counter(e["eventType"] for e in events)))
    for line in bad[:50]:
        print("BAD", line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
