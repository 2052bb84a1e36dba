#!/usr/bin/env python3
"""Look for a small case in which one query goes wrong, and print it as SQL.

A case is: rows before, a first run, rows after, a second run.  Random cases
are tried until one differs or fails, then rows are left out while it still
does.

	test/kit/private-pg.sh python3 $PWD/test/incremental/shrink.py --query full_join
"""

import argparse
import os
import random
import sys

import changes
import tpch
from judge import Difference, Judge, Pipeline, array, read_queries
from pq import Connection, SqlError

HERE = os.path.dirname(os.path.abspath(__file__))


class Case:
    """Rows: (table, values before or None, values after or None)."""

    def __init__(self, rows):
        self.rows = rows

    def before(self):
        return [f"INSERT INTO {t.name} ({', '.join(t.names)}) VALUES {changes.row(b)}" for t, b, a in self.rows if b]

    def after(self):
        out = []
        for t, b, a in self.rows:
            if b == a:
                continue
            if b:
                here = " AND ".join(f"{c} IS NOT DISTINCT FROM {v}" for c, v in b.items() if not v.startswith("repeat("))
                one = f"(tableoid, ctid) = (SELECT tableoid, ctid FROM {t.name} WHERE {here} LIMIT 1)" if not t.key else " AND ".join(f"{c} = {b[c]}" for c in t.key)
            if not b:
                out.append(f"INSERT INTO {t.name} ({', '.join(t.names)}) VALUES {changes.row(a)}")
            elif not a:
                out.append(f"DELETE FROM {t.name} WHERE {one}")
            else:
                out.append(f"UPDATE {t.name} SET {', '.join(f'{c} = {a[c]}' for c in t.names if a[c] != b[c])} WHERE {one}")
        return out


class Laboratory:
    def __init__(self, o):
        self.o = o
        self.c = Connection(o.conninfo)
        self.c.run("SET client_min_messages = error; SET statement_timeout = '30s'")
        self.c.run("DROP SCHEMA IF EXISTS it CASCADE; DROP SCHEMA IF EXISTS tpch CASCADE; DROP EXTENSION IF EXISTS dataplat CASCADE; DROP SCHEMA IF EXISTS dataplat, dataplat_internal CASCADE")
        self.c.run("CREATE EXTENSION dataplat")
        self.c.run(open(os.path.join(HERE, "schema.sql")).read())
        found = read_queries(os.path.join(HERE, "queries.sql"))
        if o.tpch:
            ddl, more = tpch.load(o.tpch)
            for sql in ddl:
                self.c.run(sql)
            found += more
        if o.text:
            found.append(Pipeline("text", o.text, "it", o.keys.split(",") if o.keys else None))
            o.query = "text"
        self.p = next(p for p in found if p.name == o.query)
        tables = tpch.TABLES if self.p.schema == "tpch" else changes.TABLES
        extra = " customer orders" if "customer_total" in self.p.query or "active_customer" in self.p.query else ""
        self.tables = [t for t in tables if t.name.strip('"').split(".")[-1] in self.p.query + extra]
        self.judge = Judge(self.c)
        self.made = False

    def clean(self):
        if self.made:
            self.c.run("SELECT dataplat.drop_pipeline($1, drop_target => true)", self.p.full_name())
        self.made = False
        self.c.run(f"SET search_path = {self.p.schema}")
        self.c.run("TRUNCATE " + ", ".join(t.name for t in self.tables) + " CASCADE")

    def wrong(self, case):
        """What went wrong with this case; None when it is right or cannot be."""
        self.clean()
        try:
            for sql in case.before():
                self.c.run(sql)
            self.judge.create(self.p)
            if self.p.refused:
                sys.exit(f"refused: {self.p.refused.full()}")
            self.made = True
            self.judge.run(self.p)
            self.judge.compare(self.p)
        except (SqlError, Difference) as e:
            return f"first run: {e}" if not isinstance(e, SqlError) or e.state[:2] != "23" else None
        try:
            self.c.run("BEGIN")
            for sql in case.after():
                self.c.run(sql)
            self.c.run("COMMIT")
        except SqlError:
            self.c.run("ROLLBACK")
            return None
        try:
            self.judge.run(self.p)
        except SqlError as e:
            return f"second run: {e.full()}"
        try:
            self.judge.compare(self.p)
        except Difference as d:
            return "\n".join(f"{what}: {row}" for what, row in d.rows)
        return None

    def random_case(self, r):
        rows = []
        for t in self.tables:
            used = set()
            for _ in range(r.randint(1, max(3, t.cap // 3))):
                b, a = t.values(r), t.values(r)
                x = r.random()
                if x < 0.5:
                    a = dict(b)
                elif x < 0.75:
                    a = {c: (a[c] if c not in t.key and r.random() < 0.5 else b[c]) for c in t.names}
                elif x < 0.87:
                    a = None
                else:
                    b = None
                key = tuple((b or a)[c] for c in t.key)
                if t.key and key in used:
                    continue
                used.add(key)
                rows.append((t, b, a))
        return Case(rows)

    def shrink(self, case):
        """Leave out rows, half of them first, then one by one; then changes."""
        size = max(1, len(case.rows) // 2)
        while True:
            smaller = False
            at = 0
            while at < len(case.rows):
                trial = Case(case.rows[:at] + case.rows[at + size:])
                if trial.rows and self.wrong(trial):
                    case, smaller = trial, True
                else:
                    at += size
            if size == 1 and not smaller:
                break
            size = max(1, size // 2)
        for n, (t, b, a) in enumerate(list(case.rows)):
            if b and a and b != a:
                trial = Case(case.rows[:n] + [(t, b, dict(b))] + case.rows[n + 1:])
                if self.wrong(trial):
                    case = trial
        return case

    def show(self, case):
        wrong = self.wrong(case)
        p = self.p
        arguments = "".join(f", {n} => {changes.quote(v)}" for n, v in (("keys", array(p.keys)), ("mode", p.mode), ("lookups", array(p.lookups))) if v)
        print("-- " + wrong.replace("\n", "\n-- "))
        print(f"-- mode {p.got_mode} ({p.reason})\n-- schema: test/incremental/schema.sql\nSET search_path = {p.schema};")
        print("".join(s + ";\n" for s in case.before()), end="")
        print(f"SELECT dataplat.create_pipeline({changes.quote(p.full_name())}, {changes.quote(p.target)}, $q${p.query}$q$, schedule => 'manual'{arguments});")
        print(f"SELECT * FROM dataplat.run_pipeline({changes.quote(p.full_name())});\nBEGIN;")
        print("".join(s + ";\n" for s in case.after()), end="")
        print(f"COMMIT;\nSELECT * FROM dataplat.run_pipeline({changes.quote(p.full_name())});\nTABLE {p.target};\n{p.query};")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--conninfo", default="dbname=postgres")
    a.add_argument("--query", help="name in queries.sql, or q01 to q22")
    a.add_argument("--text", help="a SELECT of your own over the tables of schema.sql")
    a.add_argument("--keys", default="")
    a.add_argument("--tpch", default="")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--tries", type=int, default=300)
    o = a.parse_args()
    lab = Laboratory(o)
    r = random.Random(o.seed)
    for n in range(o.tries):
        case = lab.random_case(r)
        if lab.wrong(case):
            lab.show(lab.shrink(case))
            return 1
    print(f"{o.tries} cases, nothing wrong; mode {lab.p.got_mode}")
    lab.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
