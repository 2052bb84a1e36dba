"""Are our results Great Expectations' own, field by field?

A case is one line in a cases_*.py: (kind, kwargs) or (kind, kwargs, {options}).
It is judged over each of its tables, in formats COMPLETE and SUMMARY, by both.
Options: "tables" (names from tables.sql; default: all that have the columns),
"differs" (why the two cannot agree: then only our answer is looked at, and
must be what "ours" says, a dict of fields), "fields" (only these fields).
"""

import argparse
import glob
import importlib
import json
import logging
import math
import os
import sys
import time
import warnings

os.environ.update(GX_ANALYTICS_ENABLED="false")
warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

import great_expectations as gx  # noqa: E402
import psycopg2  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

# Text of SQL and whole rows are each product's own.
NOT_COMPARED = {"unexpected_index_query", "unexpected_rows", "unexpected_index_column_names"}

SOMETIMES_LEFT_OUT = {"partial_unexpected_counts", "unexpected_index_list", "partial_unexpected_index_list"}


def class_of(kind):
    if kind == "unexpected_rows":
        return gx.expectations.UnexpectedRowsExpectation
    wanted = kind.replace("_", "")
    return getattr(gx.expectations, next(n for n in dir(gx.expectations) if n.lower() == wanted))


def raised(info):
    """exception_info is one dict, or one for each metric."""
    if not isinstance(info, dict):
        return None
    if info.get("raised_exception"):
        return info.get("exception_message") or "?"
    return next((found for v in info.values() if (found := raised(v))), None)


class Judge:
    def __init__(self, socket):
        self.context = gx.get_context(mode="ephemeral")
        self.context.variables.progress_bars = {"globally": False}
        self.source = self.context.data_sources.add_postgres(
            "pg", connection_string=f"postgresql+psycopg2://postgres@localhost/postgres?host={socket}")
        self.batches = {}

    def batch(self, table):
        if table not in self.batches:
            asset = self.source.add_table_asset(table, table_name=table, schema_name="quality_check")
            self.batches[table] = asset.add_batch_definition_whole_table("all").get_batch()
        return self.batches[table]

    def answer(self, table, kind, kwargs, result_format):
        try:
            expectation = class_of(kind)(**kwargs)
            got = self.batch(table).validate(expectation, result_format={
                "result_format": result_format, "unexpected_index_column_names": ["id"]})
        except Exception as e:  # noqa: BLE001 whatever it raises is its answer
            return {"error": f"{type(e).__name__}: {e}"}
        got = got.to_json_dict()
        error = raised(got.get("exception_info"))
        if error:
            return {"error": error}
        return {"success": got["success"], **got["result"]}


class Ours:
    def __init__(self, socket):
        self.db = psycopg2.connect(host=socket, dbname="postgres", user="postgres")
        self.db.autocommit = True

    def query(self, sql, *args):
        with self.db.cursor() as c:
            c.execute(sql, args or None)
            return c.fetchall() if c.description else None

    def answer(self, table, kind, kwargs, result_format):
        try:
            got = self.query("SELECT dataplat.validate_expectation(%s::regclass, %s, %s::jsonb, %s)::text",
                             f"quality_check.{table}", kind, json.dumps(kwargs), result_format)
        except psycopg2.Error as e:
            return {"error": str(e).splitlines()[0]}
        got = json.loads(got[0][0])
        if got["exception_info"]["raised_exception"]:
            return {"error": got["exception_info"]["exception_message"]}
        return {"success": got["success"], **got["result"]}


def plain(value):
    """Numbers as numbers, however they are spelt; the order of keys does not matter."""
    if hasattr(value, "item"):  # numpy's
        value = value.item()
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            number = float(value)
            return number if math.isfinite(number) else repr(number)
        except ValueError:
            return str(value)
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value]


def same(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        def key(v):
            return json.dumps(v, sort_keys=True, default=str)
        return len(a) == len(b) and all(same(x, y) for x, y in zip(sorted(a, key=key), sorted(b, key=key)))
    return type(a) is type(b) and a == b


def differences(theirs, ours, fields):
    if "error" in theirs or "error" in ours:
        return [] if ("error" in theirs) == ("error" in ours) else [("error", theirs.get("error"), ours.get("error"))]
    # unexpected_count null of an empty table means 0
    if theirs.get("unexpected_count", 0) is None:
        theirs["unexpected_count"] = 0
    names = fields or sorted((theirs.keys() | ours.keys()) - NOT_COMPARED)
    # Theirs leaves counts out where it cannot sort them (NULLs), and index lists for some kinds.
    names = [n for n in names if n in theirs or n not in SOMETIMES_LEFT_OUT or "partial_unexpected_list" not in theirs]
    absent = object()
    return [(n, theirs.get(n), ours.get(n)) for n in names
            if not same(plain(theirs[n]) if n in theirs else absent, plain(ours[n]) if n in ours else absent)]


def cases(only):
    for path in sorted(glob.glob(os.path.join(HERE, "cases_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for case in module.CASES:
            kind, kwargs = case[:2]
            if only in kind or only in json.dumps(kwargs):
                yield kind, kwargs, case[2] if len(case) > 2 else {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()

    ours, judge = Ours(options.socket), Judge(options.socket)
    ours.query("CREATE EXTENSION IF NOT EXISTS dataplat")
    with open(os.path.join(HERE, "tables.sql")) as f:
        ours.query(f.read())
    columns = {}
    for table, names in ours.query("SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
                                   " WHERE table_schema = 'quality_check' GROUP BY 1 ORDER BY 1"):
        columns[table] = names

    done, bad, kinds, began = 0, 0, set(), time.time()
    for kind, kwargs, about in cases(options.only):
        named = [kwargs[k] for k in ("column", "column_A", "column_B") if k in kwargs] + kwargs.get("column_list", [])
        tables = about.get("tables") or [t for t in columns if set(named) <= set(columns[t]) and t.startswith("t_")]
        kinds.add(kind)
        for table in tables:
            for result_format in ("COMPLETE", "SUMMARY", "BASIC", "BOOLEAN_ONLY") if table == "t_mixed" else ("COMPLETE",):
                got = ours.answer(table, kind, kwargs, result_format)
                if "differs" in about:
                    want = about["ours"] if result_format == "COMPLETE" else {}
                    wrong = differences({**got, **want}, got, list(want)) if "error" not in got else [("error", None, got["error"])] if "error" not in want else []
                else:
                    wrong = differences(judge.answer(table, kind, kwargs, result_format), got, about.get("fields"))
                done += 1
                for field, theirs, mine in wrong:
                    print(f"not ok {kind} {json.dumps(kwargs)} on {table} {result_format}: {field}: theirs {theirs!r}, ours {mine!r}", flush=True)
                bad += bool(wrong)
                if options.verbose and not wrong:
                    print(f"ok {kind} {json.dumps(kwargs)} on {table} {result_format}", flush=True)
    print(f"{done} results of {len(kinds)} kinds compared, {bad} differ, {time.time() - began:.0f} s")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
