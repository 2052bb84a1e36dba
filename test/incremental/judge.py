"""The judge: pipelines made from query texts, run, and compared with their query.

What a target should hold is asked of the server alone: the query itself, in
the same snapshot, EXCEPT ALL both ways.
"""

import re

from pq import SqlError


class Pipeline:
    def __init__(self, name, query, schema="it", keys=None, mode=None, want="incremental", lookups=None):
        self.name, self.query, self.schema, self.keys, self.mode, self.want = name, query, schema, keys, mode, want
        self.lookups = lookups
        self.target = f"{schema}.t_{name}"
        self.refused = None         # why it could not be made
        self.got_mode = None
        self.reason = None
        self.runs = self.differences = self.errors = 0
        self.filled_rows = 0        # rows compared, so that empty results show
        self.last_good = 0          # position in the log of statements
        self.given_up = False

    def full_name(self):
        return f"{self.schema}_{self.name}"


def array(words):
    return None if words is None else "{" + ",".join('"' + w.replace('"', '\\"') + '"' for w in words) + "}"


def read_queries(path, schema="it"):
    found = []
    for part in re.split(r"^--- ", open(path).read(), flags=re.M)[1:]:
        head, text = part.split("\n", 1)
        name, *options = head.split()
        values = dict(o.split("=", 1) for o in options)
        text = re.sub(r"^-- .*\n", "", text, flags=re.M).strip()
        found.append(Pipeline(name, text, schema, values["keys"].split(",") if "keys" in values else None, values.get("mode"),
                              values.get("want", "incremental"), values["lookups"].split(",") if "lookups" in values else None))
    return found


class Difference(Exception):
    def __init__(self, pipeline, what, rows):
        super().__init__(f"{pipeline.full_name()}: {what}")
        self.pipeline, self.what, self.rows = pipeline, what, rows


class Judge:
    def __init__(self, connection):
        self.c = connection

    def schema(self, name):
        # Each time: a rollback takes it back.
        self.c.run(f"SET search_path = {name}")

    def create(self, p):
        self.schema(p.schema)
        self.c.run(f"SELECT * FROM ({p.query}) AS q LIMIT 0")
        p.columns = ", ".join('"' + c.replace('"', '""') + '"' for c in self.c.columns)
        arguments, values = "", [p.full_name(), p.target, p.query]
        for name, value in (("keys", array(p.keys)), ("mode", p.mode), ("lookups", array(p.lookups))):
            if value is not None:
                values.append(value)
                arguments += f", {name} => ${len(values)}"
        try:
            self.c.run(f"SELECT dataplat.create_pipeline($1, $2, $3, schedule => 'manual'{arguments})", *values)
        except SqlError as e:
            p.refused = e
            return
        p.got_mode, p.reason = self.c.run("SELECT mode, mode_reason FROM dataplat.pipeline WHERE name = $1", p.full_name())[0]

    def run(self, p, commit=True):
        """One run; an answer of "failed" is an error too."""
        rows = self.c.run("SELECT r.state, r.kind, r.error FROM dataplat.run_pipeline($1%s) AS r" % ("" if commit else ", commit => false"), p.full_name())
        p.runs += 1
        if rows and rows[0][0] == "failed":
            raise SqlError(f"the run of {p.full_name()} failed: {rows[0][2]}", "failed")

    def compare(self, p):
        """Difference when target and query are not the same bag of rows."""
        self.schema(p.schema)
        rows = self.c.run(
            f"WITH q AS MATERIALIZED (SELECT {p.columns} FROM ({p.query}) AS q), t AS MATERIALIZED (SELECT {p.columns} FROM {p.target}) "
            "SELECT 'missing', d::text FROM (TABLE q EXCEPT ALL TABLE t) AS d UNION ALL "
            "SELECT 'extra', d::text FROM (TABLE t EXCEPT ALL TABLE q) AS d UNION ALL "
            "SELECT 'rows', count(*)::text FROM q")
        p.filled_rows = max(p.filled_rows, int(rows[-1][1]))
        if len(rows) > 1:
            p.differences += 1
            raise Difference(p, "target and query differ", rows[:-1])

    def fingerprint(self, p):
        return self.c.one(f"SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM {p.target} AS t")
