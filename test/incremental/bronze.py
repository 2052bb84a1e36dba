#!/usr/bin/env python3
"""Pipelines over bronze: what arrives late, twice and out of order.

The same events go through several topics in several random orders, in
portions, with runs after each, some of them interrupted.  What silver must
hold is computed here, from the events alone: for each key the greatest
sequence wins, a delete leaves nothing.  History (scd2) likewise.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import time

from judge import Difference, Judge, Pipeline
from pq import Connection, SqlError

ORDERS = 6
KEYS = 150
HISTORY_KEYS = 1000
PORTIONS = 5
# How long ingest may take for one portion, seconds.
INGEST_LIMIT = 120
TESTS = []


def ok(condition, what, more=""):
    TESTS.append(bool(condition))
    print(f"{'ok' if condition else 'NOT OK'} {len(TESTS)} - {what}", flush=True)
    if not condition and more:
        print(str(more)[:3000], flush=True)


# ------------------------------------------------------- what must come out

def last_writer(events):
    """Rows of silver: {id: event}; events in the order of their offsets."""
    best = {}
    for e in events:
        if e["id"] not in best or e["seq"] >= best[e["id"]]["seq"]:
            best[e["id"]] = e
    return {k: e for k, e in best.items() if e["op"] != "d"}


def history(events, tracked, others):
    """Versions of each key: (id, tracked values, other values, from, to); to None: holds now."""
    by_key = {}
    for e in events:
        by_key.setdefault(e["id"], {})[e["seq"]] = e       # of one sequence the later offset
    versions = set()
    for key, of_key in by_key.items():
        now = None
        for seq in sorted(of_key):
            e = of_key[seq]
            values = tuple(e[c] for c in tracked)
            if now and (e["op"] == "d" or values != now[1]):
                versions.add((*now[:4], seq))
                now = None
            if e["op"] != "d":
                now = (key, values, tuple(e[c] for c in others), now[3] if now else seq)
        if now:
            versions.add((*now, None))
    return versions


# ------------------------------------------------------------- the platform

class Platform:
    def __init__(self, o, topics):
        self.o = o
        self.c = Connection(o.conninfo)
        self.c.run("SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS dataplat")
        self.mock = subprocess.Popen([os.path.join(o.tools, "dp_mockd"), *[f"{t}:{n}" for t, n in topics]],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.bootstrap = self.mock.stdout.readline().split()[1]
        self.c.run(f"CREATE SERVER k FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (\"bootstrap.servers\" '{self.bootstrap}')")
        for topic, _ in topics:
            self.c.run("SELECT dataplat.create_source($1, 'k', $1)", topic)
        self.sent = {}

    def send(self, topic, partition, events):
        lines = "".join(json.dumps(e) + "\n" for e in events)
        subprocess.run([os.path.join(self.o.tools, "dp_kafka"), "produce", topic, "-b", self.bootstrap, "-p", str(partition)], input=lines, text=True, check=True,
                       stdout=subprocess.DEVNULL)
        self.sent[topic] = self.sent.get(topic, 0) + len(events)

    def wait(self, topic):
        limit = time.monotonic() + INGEST_LIMIT
        while (self.c.one("SELECT sum(next_offset) FROM dataplat_internal.source_offset WHERE source = $1", topic) or "0") != str(self.sent[topic]):
            if time.monotonic() > limit:
                sys.exit(f"source {topic} did not come so far: {self.c.run('SELECT * FROM dataplat.source_status')}")
            time.sleep(0.02)

    def close(self):
        self.mock.terminate()
        self.mock.wait()


def run(judge, p, r):
    """A run, at times after one that was interrupted."""
    if r.random() < 0.3:
        judge.c.run(f"SET statement_timeout = '{r.randint(1, 12)}ms'")
        try:
            judge.run(p)
        except SqlError as e:
            if e.state not in ("57014", "failed"):
                raise
        judge.c.run("RESET statement_timeout")
    judge.run(p)


def create(judge, p, **more):
    """With arguments that check.py does not need."""
    judge.c.run("SET search_path = lake, bronze")
    judge.c.run(f"SELECT * FROM ({p.query}) AS q LIMIT 0")
    p.columns = ", ".join(f'"{c}"' for c in judge.c.columns)
    arguments = "".join(f", {k} => ${n + 4}" for n, k in enumerate(more))
    judge.c.run(f"SELECT dataplat.create_pipeline($1, $2, $3, schedule => 'manual'{arguments})", p.full_name(), p.target, p.query, *more.values())
    p.got_mode, p.reason = judge.c.run("SELECT mode, mode_reason FROM dataplat.pipeline WHERE name = $1", p.full_name())[0]
    return p


# ------------------------------------------------------------------- silver

def make_events(r, keys, ties=False):
    """Random lives of keys; sequences are not dense, deletes are followed by more."""
    events = []
    for key in range(keys):
        for seq in r.sample(range(1, 60), r.randint(1, 8)):
            for _ in range(2 if ties and r.random() < 0.4 else 1):
                events.append({"id": key, "seq": seq, "op": "d" if r.random() < 0.25 else "u", "val": r.randint(0, 99), "name": r.choice(["a", "b", "c", None])})
    return events


SILVER = """SELECT (value ->> 'id')::int AS id, (value ->> 'seq')::bigint AS seq, value ->> 'op' AS op, (value ->> 'val')::int AS val, value ->> 'name' AS name
  FROM bronze.{topic}"""
# Incremental over bronze, judged like any other: target = query.
OVER_BRONZE = [
    ("append", "SELECT _partition AS part, _offset AS off, (value ->> 'id')::int AS id FROM bronze.lww0 WHERE value ->> 'op' <> 'd'", None),
    ("by_name", "SELECT value ->> 'name' AS name, count(*) AS n, sum((value ->> 'val')::int) AS s, max(_offset) AS last FROM bronze.lww0 GROUP BY 1", None),
    ("people", "SELECT value ->> 'op' AS op, count(DISTINCT value ->> 'id') AS n FROM bronze.lww0 GROUP BY 1", None),
    ("newest", "SELECT id, seq, val FROM (SELECT (value ->> 'id')::int AS id, (value ->> 'seq')::int AS seq, value ->> 'val' AS val, row_number() OVER "
     "(PARTITION BY (value ->> 'id')::int ORDER BY (value ->> 'seq')::int DESC, _partition, _offset DESC) AS rn FROM bronze.lww0) AS x WHERE rn = 1", "{id}"),
    ("joined", "SELECT m.grp, count(*) AS n, sum((b.value ->> 'val')::int) AS s FROM bronze.lww0 AS b JOIN lake.member AS m ON m.id = (b.value ->> 'id')::int GROUP BY m.grp", None),
    ("idle", "SELECT m.id, m.grp FROM lake.member AS m WHERE NOT EXISTS (SELECT FROM bronze.lww0 AS b WHERE (b.value ->> 'id')::int = m.id)", "{id}"),
    ("counted", "SELECT m.id, m.grp, count(b._offset) AS n FROM lake.member AS m LEFT JOIN bronze.lww0 AS b ON (b.value ->> 'id')::int = m.id GROUP BY m.id, m.grp", "{id}"),
    ("two_topics", "SELECT src, id, count(*) AS n FROM (SELECT 0 AS src, (value ->> 'id')::int AS id FROM bronze.lww0 UNION ALL SELECT 1, (value ->> 'id')::int FROM bronze.lww1) AS u GROUP BY src, id", None),
    ("gold", "SELECT name, count(*) AS n, sum(val) AS s FROM lake.t_lww0 GROUP BY name", None),
    ("gold_join", "SELECT m.grp, s.name, count(*) AS n FROM lake.t_lww0 AS s LEFT JOIN lake.member AS m USING (id) GROUP BY m.grp, s.name", None),
]


def compare_silver(judge, p, topic, events, label):
    rows = judge.c.run(f"SELECT id, seq, op, val, name FROM {p.target}")
    want = last_writer(events)
    have = {int(i): (int(s), op, int(v), n) for i, s, op, v, n in rows}
    expected = {k: (e["seq"], e["op"], e["val"], e["name"]) for k, e in want.items()}
    wrong = {k: (have.get(k), expected.get(k)) for k in set(have) | set(expected) if have.get(k) != expected.get(k)}
    ok(len(rows) == len(have) and not wrong, label, f"key: (target, wanted) {dict(list(wrong.items())[:8])}\n{[e for e in events if e['id'] in list(wrong)[:2]]}")


def stored(judge, topic):
    """All events of bronze as the database has them, in the order of their offsets."""
    return [json.loads(v) for (v,) in judge.c.run(f"SELECT value FROM bronze.{topic} ORDER BY _partition, _offset")]


def silver(platform, judge, r):
    c = judge.c
    c.run("CREATE TABLE lake.member (id int PRIMARY KEY, grp text)")
    c.run(f"INSERT INTO lake.member SELECT g, 'g' || g % 7 FROM generate_series(0, {KEYS + 20}) AS g")
    events = make_events(r, KEYS)
    topics = [f"lww{n}" for n in range(ORDERS)]
    lives = {}
    for t in topics + ["ties"]:
        lives[t] = create(judge, Pipeline(t, SILVER.format(topic=t), "lake"), keys="{id}", mode="upsert", sequence_by="seq", delete_when="op = 'd'")
    others = []
    for name, query, keys in OVER_BRONZE:
        try:
            others.append(create(judge, Pipeline(name, query, "lake"), **({"keys": keys} if keys else {})))
        except SqlError as e:
            ok(False, f"pipeline {name} over bronze can be made", e.full())
    plans = {t: r.sample(events, len(events)) for t in topics}
    for t in topics:
        plans[t] += r.sample(events, len(events) // 3)              # repeated, all over
        r.shuffle(plans[t])
    # Where sequences tie, the later offset wins; so a key stays in its partition.
    plans["ties"] = r.sample(tied := make_events(r, KEYS, ties=True), len(tied))
    for n in range(PORTIONS):
        for t, plan in plans.items():
            part = plan[n * len(plan) // PORTIONS:(n + 1) * len(plan) // PORTIONS]
            where = {}
            for e in part:
                where.setdefault(e["id"] % 3 if t == "ties" else r.randrange(3), []).append(e)
            for partition, some in where.items():
                platform.send(t, partition, some)
                if r.random() < 0.3:
                    run(judge, lives[t], r)                         # while the rest is on its way
        c.run(f"UPDATE lake.member SET grp = 'g' || {r.randint(0, 9)} WHERE id % 10 = {r.randint(0, 9)}; DELETE FROM lake.member WHERE id = {r.randint(0, KEYS)}")
        for t in plans:
            if t == "ties" or n == PORTIONS - 1 or r.random() < 0.5:
                platform.wait(t)
            c.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
            judge.run(lives[t])
            compare_silver(judge, lives[t], t, stored(judge, t), f"{t}: portion {n + 1}, equal to what bronze holds")
            c.run("COMMIT")
        for p in others:
            try:
                if r.random() < 0.7 or n == PORTIONS - 1:
                    run(judge, p, r)
                    c.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
                    judge.run(p)
                    judge.compare(p)
                    c.run("COMMIT")
                    ok(True, f"{p.name} ({p.got_mode}): portion {n + 1}")
            except (SqlError, Difference) as e:
                c.run("ROLLBACK")
                ok(False, f"{p.name} ({p.got_mode}): portion {n + 1}", e.full() if isinstance(e, SqlError) else f"{e}\n{e.rows[:10]}\n{p.query}")
    final = {}
    for t in topics:
        compare_silver(judge, lives[t], t, events, f"{t}: the last word is the same in this order of arrival, too")
        final[t] = judge.fingerprint(lives[t])
    ok(len(set(final.values())) == 1, f"{ORDERS} orders of arrival end in the same rows")


# ------------------------------------------------------------------ history

def scd2(platform, judge, r):
    c = judge.c
    events = make_events(r, HISTORY_KEYS, ties=True)
    plan = r.sample(events, len(events))
    query = """SELECT (value ->> 'id')::int AS id, (value ->> 'seq')::bigint AS seq, value ->> 'op' AS op, (value ->> 'val')::int / 40 AS val, value ->> 'name' AS name
  FROM bronze.hist"""
    stamped = query.replace("(value ->> 'seq')::bigint AS seq", "'2024-01-01 00:00:00+00'::timestamptz + (value ->> 'seq')::int * '1 minute'::interval AS seq")
    for e in plan:
        e["tenth"] = e["val"] // 40
    common = dict(keys="{id}", sequence_by="seq", delete_when="op = 'd'")
    whole = create(judge, Pipeline("hist_all", query, "lake"), mode="scd2", **common)
    partly = create(judge, Pipeline("hist_name", stamped, "lake"), mode="scd2", track_history_on="{name}", **common)
    latest = create(judge, Pipeline("hist_now", query, "lake"), mode="upsert", **common)

    def look(n, seen):
        for p, tracked, other, low in ((whole, ("tenth", "name"), (), "(lower(valid))"),
                                       (partly, ("name",), ("tenth",), "(extract(epoch FROM {0}(valid) - '2024-01-01 00:00:00+00'::timestamptz) / 60)::bigint")):
            low_sql = low.format("lower")
            high_sql = low.format("upper") if "{0}" in low else "upper(valid)"
            rows = c.run(f"SELECT id, val, name, {low_sql}, CASE WHEN NOT upper_inf(valid) THEN {high_sql} END, is_current FROM {p.target}")
            have = set()
            for i, v, name, lo, hi, _ in rows:
                have.add((int(i), (int(v), name) if "tenth" in tracked else (name,), () if "tenth" in tracked else (int(v),), int(lo), None if hi is None else int(hi)))
            want = history(seen, tracked, other)
            ids = sorted({v[0] for v in have ^ want})
            key = lambda v: (v[0], v[3])
            ok(len(rows) == len(have) and have == want, f"{p.name}: portion {n}, {len(want)} versions of {HISTORY_KEYS} keys",
               f"{len(ids)} keys differ, first {ids[:1]}\nextra   {sorted([v for v in have - want if v[0] in ids[:2]], key=key)}\n"
               f"missing {sorted([v for v in want - have if v[0] in ids[:2]], key=key)}\nevents  {[e for e in seen if e['id'] in ids[:1]]}")
            ok(c.one(f"SELECT count(*) FROM {p.target} AS a JOIN {p.target} AS b USING (id) WHERE a.ctid < b.ctid AND a.valid && b.valid") == "0", f"{p.name}: no overlap")
            ok(c.one(f"SELECT count(*) FROM {p.target} WHERE is_current <> upper_inf(valid)") == "0", f"{p.name}: is_current tells which version holds")
            rows = c.run(f"(SELECT id, val, name FROM {p.target} WHERE upper_inf(valid) EXCEPT ALL SELECT id, val, name FROM {latest.target}) UNION ALL "
                         f"(SELECT id, val, name FROM {latest.target} EXCEPT ALL SELECT id, val, name FROM {p.target} WHERE upper_inf(valid))")
            ok(not rows, f"{p.name}: current rows are the upsert target", rows[:10])

    for n in range(PORTIONS):
        part = plan[n * len(plan) // PORTIONS:(n + 1) * len(plan) // PORTIONS]
        for partition in range(4):
            platform.send("hist", partition, [e for e in part if e["id"] % 4 == partition])
        platform.wait("hist")
        for p in (whole, partly, latest):
            run(judge, p, r)
        look(n + 1, stored(judge, "hist"))
    look("last", sorted(plan, key=lambda e: e["id"] % 4))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--conninfo", default="dbname=postgres")
    a.add_argument("--tools", required=True)
    a.add_argument("--seed", type=int, default=None)
    a.add_argument("--out", default="")
    a.add_argument("--parts", default="silver,scd2")
    o = a.parse_args()
    seed = o.seed if o.seed is not None else random.randrange(10**6)
    print(f"seed {seed}", flush=True)
    r = random.Random(seed)
    platform = Platform(o, [(f"lww{n}", 3) for n in range(ORDERS)] + [("ties", 3), ("hist", 4)])
    try:
        platform.c.run("CREATE SCHEMA lake")
        judge = Judge(Connection(o.conninfo))
        judge.c.run("SET client_min_messages = error")
        for part in o.parts.split(","):
            try:
                {"silver": silver, "scd2": scd2}[part](platform, judge, r)
            except SqlError as e:
                ok(False, f"{part} goes through", e.full())
                judge.c.run("ROLLBACK")
    finally:
        platform.close()
    print(f"seed {seed}: {sum(TESTS)} passed, {len(TESTS) - sum(TESTS)} failed")
    return 0 if all(TESTS) else 1


if __name__ == "__main__":
    sys.exit(main())
