#!/usr/bin/env python3
"""Is incremental always equal to full?  Started by run.sh and by the tests.

A round is: random changes by several writers, runs of some pipelines while
writers are open, and the judge's comparison of each.  SEED repeats a run
(storms and kills depend on time).  Exit code 1: there were differences.
"""

import argparse
import os
import random
import signal
import sys
import threading
import time

import changes
import tpch
from judge import Difference, Judge, read_queries
from pq import Connection, SqlError
from writers import Storm, Writer

HERE = os.path.dirname(os.path.abspath(__file__))
WRITERS = 4
# How long the server may take to come back after a crash, seconds.
RESTART_LIMIT = 60
# Differences of one pipeline after which it is left out.
GIVE_UP = 3


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--conninfo", default="dbname=postgres")
    p.add_argument("--seed", type=int, default=None)
    p.add_argument("--rounds", type=int, default=300)
    p.add_argument("--only", default="", help="names of queries, separated by commas")
    p.add_argument("--skip", default="", help="names of queries to leave out")
    p.add_argument("--tpch", default="", help="JSON file of tpch.py")
    p.add_argument("--keep-going", action="store_true")
    p.add_argument("--standin", default=None, help="prove the harness: none, or the fault to make")
    p.add_argument("--out", default="", help="directory for the log of statements and for reports")
    p.add_argument("--no-kills", action="store_true")
    p.add_argument("--kill-9", action="store_true", help="also kill backends so that the server restarts")
    p.add_argument("--no-storms", action="store_true")
    p.add_argument("--no-worker", action="store_true")
    p.add_argument("--no-ddl", action="store_true")
    p.add_argument("--way", default="", help="only rounds of this kind, such as storm")
    return p.parse_args()


class World:
    """The database under test, its writers, its pipelines, and what was found."""

    def __init__(self, o):
        self.o = o
        self.seed = o.seed if o.seed is not None else random.randrange(10**6)
        self.r = random.Random(self.seed)
        self.conninfo = o.conninfo + (f" options='-c standin.fault={o.standin}'" if o.standin else "")
        self.entries = []
        self.lock = threading.Lock()
        self.findings = []
        self.round = 0
        self.prepared = None
        self.snapshot_open = False      # somebody reads under an older snapshot
        self.storms = self.kills = self.crashes = self.compared = self.runs = self.waits = 0
        self.statements = open(os.path.join(o.out, "statements.log"), "w") if o.out else None

    def log(self, who, what, error=None):
        line = f"{who}: {what};" + (f"  -- {error.state} {error}" if error else "")
        with self.lock:
            self.entries.append((self.round, line))
            if self.statements:
                self.statements.write(line + "\n")

    def finding(self, title, error=None, pipeline=None, rows=()):
        """Print and keep what was found, with all that is needed to see it again."""
        said = [f"seed {self.seed}, round {self.round}: {title}"]
        if error:
            said.append(error.full())
        if pipeline:
            said.append(f"pipeline {pipeline.full_name()}, mode {pipeline.got_mode}\n{pipeline.query}")
            said += [f"  {what}: {row}" for what, row in rows[:40]]
            said.append("statements since it was last equal:")
            said += [f"  {n} {line}" for n, line in self.entries[pipeline.last_good:][-400:]]
        text = "\n".join(said)
        self.findings.append(text)
        print("-" * 78 + "\n" + (text[:2000] + "\n..." if self.o.keep_going and self.o.out else text[:20000]), flush=True)
        if self.o.out:
            with open(os.path.join(self.o.out, f"finding_{len(self.findings)}.txt"), "w") as f:
                f.write(text + "\n")

    # ------------------------------------------------------------ making it

    def build(self):
        c = Connection(self.conninfo)
        c.run("SET client_min_messages = error")
        c.run(open(os.path.join(HERE, "standin.sql")).read() if self.o.standin else "CREATE EXTENSION IF NOT EXISTS dataplat")
        c.run(open(os.path.join(HERE, "schema.sql")).read())
        queries = read_queries(os.path.join(HERE, "queries.sql"))
        self.tables = list(changes.TABLES)
        if self.o.tpch:
            ddl, more = tpch.load(self.o.tpch)
            for sql in ddl:
                c.run(sql)
            queries += more
        c.run("SET search_path = it")
        for t in changes.TABLES:
            try:
                c.run(changes.refill(self.r, t))
            except SqlError:
                pass
        self.tables_of_writers(queries)
        if int(c.one("SHOW max_prepared_transactions")) > 0:
            self.prepared = []
        c.close()
        self.connect()
        self.make()

    def make(self):
        for p in self.pipelines:
            self.judge.create(p)
            if p.refused:
                print(f"refused: {p.full_name()}: {p.refused} {p.refused.hint}", flush=True)
                if p.want != "refused":
                    self.finding(f"{p.full_name()} is refused", p.refused)
        self.pipelines = [p for p in self.pipelines if not p.refused] + [p for p in self.pipelines if p.refused]

    def tables_of_writers(self, queries):
        """With ONLY, write only tables that the chosen queries name."""
        only, skip = set(filter(None, self.o.only.split(","))), set(filter(None, self.o.skip.split(",")))
        self.pipelines = [p for p in queries if (not only or p.name in only) and p.name not in skip]
        if not self.pipelines:
            sys.exit("no such query")
        if self.o.tpch:
            self.tables += tpch.TABLES
        if only:
            texts = " ".join(p.query for p in self.pipelines) + (" customer orders emp tag" if any("customer_total" in p.query for p in self.pipelines) else "")
            named = [t for t in self.tables if t.name.strip('"').split(".")[-1] in texts]
            self.tables = named or self.tables

    def connect(self):
        limit = time.monotonic() + RESTART_LIMIT
        while True:
            try:
                c = Connection(self.conninfo)
                break
            except SqlError:
                if time.monotonic() > limit:
                    raise
                time.sleep(0.05)
        c.run("SET statement_timeout = '60s'; SET client_min_messages = error")
        self.judge = Judge(c)
        if not hasattr(self, "writers"):
            self.writers = [Writer(self, n, self.tables) for n in range(WRITERS)]

    def lost(self):
        """The server has gone: connect again, writers begin anew."""
        self.judge.c.close()
        for w in self.writers:
            w.reset()
        self.connect()

    # ------------------------------------------------------------- a round

    def act(self, moves):
        for _ in range(moves):
            if self.prepared and self.r.random() < 0.3:
                gid = self.prepared.pop(self.r.randrange(len(self.prepared)))
                self.writers[0].open or self.writers[0].say(f"{'COMMIT' if self.r.random() < 0.7 else 'ROLLBACK'} PREPARED '{gid}'")
                if self.writers[0].open:
                    self.prepared.append(gid)
            w = self.r.choice(self.writers)
            if w.number == 1 and not self.o.no_ddl and self.r.random() < (0.3 if w.chores else 0.01):
                w.administrate(self.r)
            else:
                w.step(self.r)

    def alive(self):
        return [p for p in self.pipelines if not p.refused and not p.given_up]

    def choose(self):
        """Some pipelines in the order of their graph; now and then all."""
        all_of_them = self.alive()
        n = len(all_of_them) if self.r.random() < 0.01 else min(len(all_of_them), self.r.randint(1, 5))
        picked = set(self.r.sample(range(len(all_of_them)), n))
        return [p for i, p in enumerate(all_of_them) if i in picked]

    def run(self, p, commit=True):
        self.log("R", f"SELECT dataplat.run_pipeline('{p.full_name()}'{'' if commit else ', commit => false'})")
        self.runs += 1
        self.judge.run(p, commit)

    def compare(self, p):
        self.compared += 1
        self.judge.compare(p)
        p.last_good = len(self.entries)

    def sql(self, text):
        self.log("R", text)
        return self.judge.c.run(text)

    def in_one_snapshot(self, chosen):
        """Runs and comparisons in one transaction; others commit in between."""
        self.sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for p in chosen:
            if self.r.random() < 0.3:
                self.sql("SELECT 1")
                self.act(self.r.randint(1, 3))
            self.run(p)
            self.compare(p)
        self.sql("ROLLBACK" if self.r.random() < 0.15 else "COMMIT")

    def one_by_one(self, chosen):
        for p in chosen:
            self.run(p)
            self.compare(p)

    def after_savepoint(self, chosen):
        """Runs that are taken back, then made again in the same transaction."""
        self.sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.sql("SAVEPOINT a")
        for p in chosen:
            self.run(p)
        self.sql("ROLLBACK TO a")
        for p in chosen:
            self.run(p)
            self.compare(p)
        self.sql("COMMIT")

    def own_writes(self, chosen):
        """The transaction that runs them writes their inputs, too, and takes some of it back."""
        self.sql("BEGIN" + self.r.choice(["", " ISOLATION LEVEL REPEATABLE READ"]))
        self.sql("SET LOCAL lock_timeout = '10ms'")
        for p in chosen:
            for _ in range(self.r.randint(1, 3)):
                undone = self.r.random() < 0.3
                self.sql("SAVEPOINT w")
                self.write(self.r.randint(1, 4))
                if undone and self.r.random() < 0.5:
                    self.run(p)
                    self.compare(p)
                if undone:
                    self.sql("ROLLBACK TO w")
                if self.r.random() < 0.7:
                    self.run(p)
                    self.compare(p)
        for p in chosen:
            self.run(p)
            self.compare(p)
        self.sql("ROLLBACK" if self.r.random() < 0.2 else "COMMIT")
        self.one_by_one(chosen)

    def write(self, statements):
        """Statements of the judge's own connection; what fails is taken back."""
        for _ in range(statements):
            statement = changes.statement(self.r, self.tables, alone=False)
            if isinstance(statement, changes.Copy):
                continue
            self.judge.schema("it")
            self.sql("SAVEPOINT g")
            try:
                self.sql(statement)
                self.sql("RELEASE g")
            except SqlError as e:
                if e.state not in changes.EXPECTED:
                    raise
                self.sql("ROLLBACK TO g")

    def read_committed(self, chosen):
        """One transaction, a snapshot for each run; then they must catch up."""
        self.sql("BEGIN")
        for p in chosen:
            self.run(p)
            self.act(2)
        self.sql("COMMIT")
        self.in_one_snapshot(chosen)

    def told_only(self, chosen):
        """commit => false changes nothing."""
        for p in chosen:
            before = self.judge.fingerprint(p)
            self.run(p, commit=False)
            if self.judge.fingerprint(p) != before:
                raise Difference(p, "commit => false has changed the target", [])
        self.one_by_one(chosen)

    def old_snapshot(self, chosen):
        """A run under a snapshot older than the frontier: refused, or harmless."""
        other = Judge(Connection(self.conninfo))
        try:
            other.c.run("SET statement_timeout = '60s'; SET client_min_messages = error; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            self.log("R2", "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            self.act(4)
            for p in chosen:
                self.run(p)
            self.act(2)
            for p in chosen:
                self.log("R2", f"SAVEPOINT a; SELECT dataplat.run_pipeline('{p.full_name()}')")
                other.c.run("SAVEPOINT a")
                try:
                    other.run(p)
                except SqlError as e:
                    if e.state not in ("40001", "failed"):
                        raise
                    other.c.run("ROLLBACK TO a")
            self.log("R2", "COMMIT")
            other.c.run("COMMIT")
        finally:
            other.c.close()
        self.in_one_snapshot(chosen)

    def two_at_once(self, chosen):
        """A second runner has to wait, or is sent away; nothing is applied twice."""
        other = Judge(Connection(self.conninfo))
        other.c.run("SET lock_timeout = '20ms'; SET client_min_messages = error")
        try:
            self.sql("BEGIN")
            for p in chosen[:2]:
                self.run(p)
                try:
                    self.log("R2", f"SELECT dataplat.run_pipeline('{p.full_name()}')")
                    other.run(p)
                except SqlError as e:
                    if e.state not in ("55P03", "40001", "failed"):
                        raise
            self.sql("COMMIT")
        finally:
            other.c.close()
        self.in_one_snapshot(chosen)

    def storm(self, chosen):
        """Everybody writes while runs and comparisons go on."""
        self.storms += 1
        storm = Storm(self.writers, f"{self.seed}/{self.round}")
        try:
            for _ in range(self.r.randint(1, 3)):
                self.in_one_snapshot_quietly(chosen)
        finally:
            storm.end()
        self.one_by_one(chosen)

    def in_one_snapshot_quietly(self, chosen):
        self.sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for p in chosen:
            self.run(p)
            self.compare(p)
        self.sql("COMMIT")

    def killed(self, chosen):
        """The run is interrupted at some moment; what it did is all or nothing."""
        self.kills += 1
        victim, pid = self.judge, self.judge.c.pid
        how = self.r.choices(["cancel", "terminate", "kill"], [5, 5, 1 if self.o.kill_9 else 0])[0]
        started = threading.Event()

        def work():
            try:
                for p in chosen:
                    started.set()
                    victim.run(p)
            except SqlError as e:
                if e.state not in ("57014", "57P01", "57P02", "lost"):
                    self.finding(f"a run that was interrupted ({how}) failed otherwise", e)
        thread = threading.Thread(target=work)
        self.log("R", f"runs of {', '.join(p.full_name() for p in chosen)}, interrupted: {how}")
        admin = Connection(self.conninfo)
        thread.start()
        started.wait()
        time.sleep(self.r.random() ** 2 * 0.03 * len(chosen))
        try:
            if how == "kill":
                self.crashes += 1
                os.kill(pid, signal.SIGKILL)
            else:
                admin.run(f"SELECT pg_{'cancel' if how == 'cancel' else 'terminate'}_backend({pid})")
        except (ProcessLookupError, SqlError):
            pass
        thread.join()
        admin.close()
        if how == "kill":
            time.sleep(0.1)     # until the postmaster has seen it
            self.lost()
        elif how == "terminate":
            self.judge.c.close()
            self.connect()
        self.one_by_one(chosen)

    def by_worker(self, chosen):
        """The pipelines run by themselves; wait, then all must be equal."""
        self.waits += 1
        while True:     # what they read must run, too
            above = [p for p in self.alive() if p not in chosen and any(f"t_{p.name} " in q.query + " " and q.schema == p.schema for q in chosen)]
            if not above:
                break
            chosen = [p for p in self.alive() if p in chosen or p in above]
        for p in chosen:
            self.sql(f"SELECT dataplat.alter_pipeline('{p.full_name()}', schedule => 'on_data')")
        if self.r.random() < 0.5:
            storm = Storm(self.writers, f"{self.seed}/{self.round}")
            time.sleep(self.r.random() * 0.3)
            for (pid,) in self.judge.c.run("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'dataplat pipeline%' AND datname = current_database()"):
                if self.r.random() < 0.5:
                    self.kills += 1
                    self.judge.c.run(f"SELECT pg_terminate_backend({pid})")
            storm.end()
        else:
            self.act(10)
            for w in self.writers:
                w.finish(self.r)
        for gid in self.prepared or []:
            self.writers[0].say(f"ROLLBACK PREPARED '{gid}'")
        if self.prepared:
            self.prepared = []
        for p in chosen:
            if self.judge.c.one("SELECT dataplat.wait_for_pipeline($1, '30 seconds')", p.full_name()) != "t":
                raise Difference(p, "wait_for_pipeline waited in vain", self.judge.c.run(
                    "SELECT state, concat_ws(' / ', reason, last_error) FROM dataplat.pipeline_status WHERE pipeline = $1", p.full_name()))
            self.compare(p)
        for p in chosen:
            self.sql(f"SELECT dataplat.alter_pipeline('{p.full_name()}', schedule => 'manual')")

    def reset(self, chosen):
        """Filled afresh; the lookup's changes are seen then, and only then."""
        for p in chosen[:2]:
            self.sql(f"SELECT dataplat.reset_pipeline('{p.full_name()}')")
            if p.lookups:
                self.sql(f"UPDATE it.rate SET factor = {self.r.randint(0, 5)} WHERE code = 's'")
        self.one_by_one(chosen)
        for p in chosen:
            found = self.judge.c.run("SELECT v.missing, v.extra, v.different FROM dataplat.verify_pipeline($1) AS v", p.full_name())[0]
            if set(found) != {"0"}:
                raise Difference(p, f"verify_pipeline says {found}, the judge sees no difference", [])

    WAYS = [(in_one_snapshot, 40), (one_by_one, 25), (after_savepoint, 4), (own_writes, 8), (read_committed, 6), (told_only, 2), (old_snapshot, 3), (two_at_once, 2), (storm, 5), (killed, 4),
            (by_worker, 1), (reset, 2)]

    def ways(self):
        left_out = set()
        if self.o.no_kills:
            left_out.add("killed")
        if self.o.no_storms:
            left_out |= {"storm", "by_worker"}
        if self.o.no_worker or self.o.standin:
            left_out.add("by_worker")
        if self.o.standin:
            left_out |= {"old_snapshot", "two_at_once", "reset"}
        if self.o.way:
            return [(w, n) for w, n in self.WAYS if w.__name__ == self.o.way]
        return [(w, n) for w, n in self.WAYS if w.__name__ not in left_out]

    def play(self):
        """One round; what goes wrong is kept, and the pipeline mended."""
        self.round += 1
        ways = self.ways()
        way = self.r.choices([w for w, _ in ways], [n for _, n in ways])[0]
        try:
            self.act(self.r.randint(1, 12))
            chosen = self.choose()
            self.log("--", f"round {self.round}: {way.__name__}")
            self.snapshot_open = way is not World.by_worker
            way(self, chosen)
        except Difference as d:
            self.clear()
            self.finding(str(d), None, d.pipeline, d.rows)
            self.mend(d.pipeline)
        except SqlError as e:
            self.clear()
            self.blame(e, chosen)
        finally:
            self.snapshot_open = False
        if len(self.entries) > 50000:
            self.entries = [("", "(older statements are in statements.log)")] + self.entries[-10000:]
            for p in self.pipelines:
                p.last_good = 0

    def blame(self, error, chosen):
        """An error of a run: find whose by running each alone."""
        for p in chosen:
            try:
                self.judge.run(p)
            except SqlError as e:
                self.clear()
                p.errors += 1
                self.finding(f"{p.full_name()}: the run failed", e, p)
                self.mend(p)
                return
        self.finding(f"{', '.join(p.full_name() for p in chosen)}: failed once, not alone", error)

    def clear(self):
        """Back to a usable connection."""
        try:
            self.judge.c.run("ROLLBACK")
        except SqlError:
            self.lost()

    def mend(self, p):
        if not self.o.keep_going:
            return
        if p.differences + p.errors >= GIVE_UP:
            p.given_up = True
            print(f"{p.full_name()} is left out from here on", flush=True)
            return
        try:
            self.judge.c.run("SELECT dataplat.reset_pipeline($1)", p.full_name())
            self.judge.run(p)
            self.judge.compare(p)
            p.last_good = len(self.entries)
        except (SqlError, Difference) as e:
            self.clear()
            p.given_up = True
            print(f"{p.full_name()} could not be mended ({e}) and is left out from here on", flush=True)

    # ------------------------------------------------------------ the report

    def finish(self):
        """All writers end, everything runs, everything is equal."""
        for w in self.writers:
            w.finish(self.r)
            w.end_chores()
        for gid in self.prepared or []:
            self.writers[0].say(f"COMMIT PREPARED '{gid}'")
        self.prepared = self.prepared and []
        for p in self.alive():
            try:
                self.run(p)
                self.compare(p)
            except Difference as d:
                self.clear()
                self.finding(str(d), None, p, d.rows)
            except SqlError as e:
                self.clear()
                self.finding(f"{p.full_name()}: the last run failed", e, p)

    def close(self):
        for w in self.writers:
            w.reset()
        for gid in self.prepared or []:
            self.judge.c.run(f"ROLLBACK PREPARED '{gid}'")

    def report(self):
        kinds = {}
        for name, kind, reason, n in self.judge.c.run(
                "SELECT pipeline, kind, coalesce(reason, ''), count(*) FROM dataplat.pipeline_run WHERE state = 'succeeded' GROUP BY 1, 2, 3"):
            kinds.setdefault(name, []).append((kind, reason, int(n)))
        print(f"{'query':28} {'mode':10} {'live':>6} {'full':>6} {'rows':>5}  remark")
        incremental = {}
        for p in self.pipelines:
            runs = kinds.get(p.full_name(), [])
            live = sum(n for k, _, n in runs if k == "live")
            full = sum(n for k, _, n in runs if k != "live")
            ok = p.got_mode not in (None, "full", "view") and live > 0 and not p.differences and not p.errors
            if p.refused and p.want == "refused":
                continue
            incremental[p] = ok
            remark = f"refused: {p.refused}" if p.refused else "" if ok else (p.reason or "")
            if p.differences or p.errors:
                remark = f"{p.differences} differences, {p.errors} errors; " + remark
            if not p.refused and not p.filled_rows:
                remark = "its result was always empty; " + remark
            if ok and p.want == "full":
                remark = "was expected to run full; " + remark
            if not ok and p.want == "incremental":
                remark = "SHOULD BE INCREMENTAL; " + remark
            print(f"{p.full_name():28} {p.got_mode or '-':10} {live:6} {full:6} {p.filled_rows:5}  {remark}")
        counted = [p for p in self.pipelines if p in incremental]
        own = [p for p in counted if p.schema == "it"]
        tp = [p for p in counted if p.schema == "tpch"]
        print(f"incremental: {sum(incremental.values())} of {len(counted)}; "
              f"own: {sum(incremental[p] for p in own)} of {len(own)}; TPC-H: {sum(incremental[p] for p in tp)} of {len(tp)}")
        print(f"seed {self.seed}: {self.round} rounds, {self.runs} runs, {self.compared} comparisons, {len(self.entries)} statements kept, "
              f"{self.storms} storms, {self.waits} by the worker, {self.kills} interrupted runs, {self.crashes} of them by kill -9")
        print(f"{len(self.findings)} differences or errors", flush=True)


def main():
    world = World(options())
    print(f"seed {world.seed}", flush=True)
    world.build()
    began = time.monotonic()
    for n in range(world.o.rounds):
        world.play()
        if world.findings and not world.o.keep_going:
            break
        if (n + 1) % 500 == 0:
            print(f"round {n + 1}, {time.monotonic() - began:.0f} s, {world.compared} comparisons, {len(world.findings)} findings", flush=True)
    if not world.findings or world.o.keep_going:
        world.finish()
    world.close()
    if not world.findings or world.o.keep_going:
        world.report()
    else:
        print(f"stopped; SEED={world.seed} repeats it, KEEP_GOING=1 goes on")
    return 1 if world.findings else 0


if __name__ == "__main__":
    sys.exit(main())
