"""Are exported contracts valid, and does what was imported come out again?

Tables of every type, with names and texts that are hard to write, with every
thing the catalog can say of them; each contract is judged by the standard's
own JSON Schema (formats on) and by the linter of datacontract-cli, then
imported where nothing is and exported again.
"""

import argparse
import json
import os
import random
import sys
import tempfile

import datacontract
import jsonschema
import psycopg2
from datacontract.data_contract import DataContract

SCHEMA = os.path.join(os.path.dirname(datacontract.__file__), "schemas", "odcs-3.1.0.schema.json")
TYPES = ["smallint", "integer", "bigint", "numeric", "numeric(12,2)", "real", "double precision", "boolean", "text", "character varying(20)", "character(3)",
         "bytea", "date", "time without time zone", "time with time zone", "timestamp without time zone", "timestamp with time zone", "interval", "uuid", "json",
         "jsonb", "inet", "point", "int4range", "text[]", "integer[]", "xml", "tsvector", "money", "bit varying(8)", "contract.mood", "contract.positive", "contract.pair"]
WORDS = ["orders", "a|b", 'say "hi"', "it's", "Ärger", "日本", "x y", "<b>", "semi;colon", "back\\slash", "select", "{}", "$$", "%s", "new\nline"]
KINDS = [("not_null", {}, True), ("unique", {}, True), ("in_set", {"value_set": ["a", "b"]}, True), ("match_regex", {"regex": "^a|b\\d"}, True),
         ("between", {"min_value": 0, "max_value": 10}, True), ("row_count", {"min_value": 1}, False), ("row_count", {"min_value": 1, "max_value": 5}, False),
         ("expect_table_row_count_to_equal", {"value": 3}, False), ("expect_table_column_count_to_equal", {"value": 3}, False)]


class Check:
    def __init__(self, conninfo, seed):
        self.db = psycopg2.connect(conninfo)
        self.db.autocommit = True
        self.random = random.Random(seed)
        self.validator = jsonschema.Draft201909Validator(json.load(open(SCHEMA)), format_checker=jsonschema.Draft201909Validator.FORMAT_CHECKER)
        self.bad = 0

    def ask(self, statement, *values):
        with self.db.cursor() as c:
            c.execute(statement, values or None)
            return c.fetchall() if c.description else None

    def fail(self, what, detail):
        self.bad += 1
        print(f"FAILED {what}: {str(detail)[:600]}")

    def quoted(self, *names):
        return ".".join(self.ask("SELECT quote_ident(%s)", n)[0][0] for n in names)

    def make(self, i):
        name = f"{self.random.choice(WORDS)} {i}"[:60]
        table = self.quoted("contract", name)
        columns = [(f"{self.random.choice(WORDS)} {n}", t) for n, t in enumerate(self.random.sample(TYPES, self.random.randint(1, len(TYPES))))]
        columns.insert(0, ("id", "bigint"))
        keyed = self.random.random() < 0.7
        self.ask("CREATE TABLE {} ({}{})".format(
            table, ", ".join(f"{self.quoted(c)} {t}{' NOT NULL' if self.random.random() < 0.3 else ''}" for c, t in columns), ", PRIMARY KEY (id)" if keyed else ""))
        say = self.random.random
        if say() < 0.8:
            self.ask("SELECT dataplat.set_description(%s, %s)", table, self.random.choice(WORDS))
        for kind in ("technical owner", "business owner", "steward"):
            if say() < 0.5:
                self.ask("SELECT dataplat.set_owner(%s, %s, %s)", table, self.random.choice(WORDS), kind)
        for _ in range(self.random.randint(0, 3)):
            self.ask("SELECT dataplat.add_tag(%s, %s)", table, self.random.choice(WORDS).replace("\n", " "))
        if say() < 0.5:
            self.ask("SELECT dataplat.set_domain(%s, 'sales')", table)
        if say() < 0.5:
            self.ask("SELECT dataplat.create_data_product(%s, ARRAY[%s])", f"product {i}", table)
        if say() < 0.5:
            self.ask(f"GRANT SELECT ON {table} TO PUBLIC")
        if say() < 0.3:
            self.ask("SELECT dataplat.assign_term(%s, 'revenue')", table)
        for c, _ in columns:
            column = f"{table}.{self.quoted(c)}"
            if say() < 0.4:
                self.ask("SELECT dataplat.set_description(%s, %s)", column, self.random.choice(WORDS))
            if say() < 0.2:
                self.ask("SELECT dataplat.add_tag(%s, 'pii')", column)
            if say() < 0.2:
                self.ask("SELECT dataplat.set_classification(%s, 'confidential')", column)
            if say() < 0.2:
                self.ask("SELECT dataplat.assign_term(%s, 'revenue.net')", column)
        kinds = [k for k in KINDS if k[0] in self.known]
        for n, (kind, kwargs, of_column) in enumerate(self.random.sample(kinds, self.random.randint(0, len(kinds)))):
            if of_column and kind != "between":
                column = next((c for c, t in columns if t in ("text", "uuid") and kind not in ("match_regex", "in_set") or t == "text"), None)
                if column is None:
                    continue
                kwargs = dict(kwargs, column=column)
            elif of_column:
                kwargs = dict(kwargs, column="id")
            self.ask("SELECT dataplat.add_expectation(%s::regclass, %s, %s, name => %s, mostly => %s, severity => %s)", table, kind, json.dumps(kwargs), f"rule {n}",
                     0.75 if of_column and say() < 0.5 else None, self.random.choice(["error", "warn", "critical", "info"]))
        if say() < 0.2:
            self.ask("SELECT dataplat.deprecate(%s, 'old')", table)
        return table

    def export(self, table):
        return self.ask("SELECT dataplat.export_contract(%s)", table)[0][0]

    def judge(self, what, contract):
        for e in self.validator.iter_errors(contract):
            self.fail(f"{what} against the schema", f"{list(e.path)}: {e.message}")

    def lint(self, what, contract):
        with tempfile.NamedTemporaryFile("w", suffix=".odcs.yaml") as f:
            json.dump(contract, f)
            f.flush()
            run = DataContract(data_contract_file=f.name, schema_location=SCHEMA).lint()
        if run.result != "passed":
            self.fail(f"{what} linted", [c.reason for c in run.checks if c.result != "passed"])

    def round_trip(self, table):
        first = self.export(table)
        self.judge(table, first)
        problems = [p for p in self.ask("SELECT * FROM dataplat.check_contract(%s::jsonb)", json.dumps(first)) if "never evaluated" not in p[3]]
        if problems:
            self.fail(f"{table} keeps its own contract", problems)
        self.ask("SELECT dataplat.drop_expectation(expectation_id) FROM dataplat.expectation WHERE dataset = %s", table)
        self.ask(f"DROP TABLE {table}")
        self.ask("SELECT dataplat.forget_dataset(%s)", table)
        self.ask("SELECT * FROM dataplat.import_contract(%s::jsonb, create_tables => true)", json.dumps(first))
        if first.get("roles"):
            self.ask(f"GRANT SELECT ON {table} TO PUBLIC")
        # nothing takes these over: they are the decision of who imports
        second = self.export(table)
        for c in (first, second):
            c["customProperties"] = [p for p in c.get("customProperties", []) if p["property"] != "deprecationReason"]
            c["status"] = c["status"].replace("deprecated", "active")
        if first != second:
            self.fail(f"{table} imported and exported again", [(k, first.get(k), second.get(k)) for k in first.keys() | second.keys() if first.get(k) != second.get(k)])
        return first


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--conninfo", required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--tables", type=int, default=60)
    args = parser.parse_args()
    print(f"seed {args.seed}")
    check = Check(args.conninfo, args.seed)
    check.ask("CREATE EXTENSION IF NOT EXISTS dataplat")
    check.known = {n for row in check.ask("SELECT kind, aliases FROM dataplat_internal.expectation_kind") for n in [row[0], *row[1]]}
    check.ask("CREATE SCHEMA contract; CREATE TYPE contract.mood AS ENUM ('good', 'bad'); CREATE DOMAIN contract.positive AS int CHECK (VALUE > 0);"
              " CREATE TYPE contract.pair AS (a int, b text)")
    check.ask("SELECT dataplat.create_domain('sales'), dataplat.define_term('revenue', 'money'), dataplat.define_term('revenue.net', 'money after tax')")
    linted = None
    for i in range(args.tables):
        table = check.make(i)
        contract = check.round_trip(table)
        if i % 20 == 0:
            check.lint(table, contract)
            linted = i
    # the judge judges: a contract that is broken is found
    if not list(check.validator.iter_errors({**contract, "kind": "Nonsense"})):
        check.fail("the schema", "accepts nonsense")
    print(f"{args.tables} contracts, linted up to {linted}, {check.bad} differences")
    sys.exit(1 if check.bad else 0)


main()
