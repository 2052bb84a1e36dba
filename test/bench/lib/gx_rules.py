"""Great Expectations over one table: reads {"connection", "schema", "table", "rules"} from
standard input, prints what one validation of all rules took and what it found.

Started by states.py with the Python of an environment that has Great Expectations.
"""

import json
import logging
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
os.environ["GX_ANALYTICS_ENABLED"] = "False"

import great_expectations as gx  # noqa: E402


def class_of(kind):
    wanted = kind.replace("_", "")
    return getattr(gx.expectations, next(n for n in dir(gx.expectations) if n.lower() == wanted))


def main():
    job = json.load(sys.stdin)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres("pg", connection_string=job["connection"])
    asset = source.add_table_asset("t", table_name=job["table"], schema_name=job["schema"])
    batch = asset.add_batch_definition_whole_table("all")
    suite = context.suites.add(gx.ExpectationSuite(name="rules", expectations=[class_of(k)(**a) for k, a in job["rules"]]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="v", data=batch, suite=suite))
    for _ in range(job.get("rounds", 1)):
        start = time.monotonic()
        results = definition.run(result_format="SUMMARY").results
        seconds = time.monotonic() - start
        found = {}
        for r in results:
            r = r.to_json_dict()
            kwargs = {k: v for k, v in r["expectation_config"]["kwargs"].items() if k != "batch_id"}
            found[json.dumps([r["expectation_config"]["type"], kwargs], sort_keys=True)] = r["success"]
        print(json.dumps({"seconds": seconds, "found": found}), flush=True)


if __name__ == "__main__":
    main()
