#!/usr/bin/env python3
"""The change log alone: what a reader gets must turn what it knew into what is.

Each reader keeps a copy of its table as a bag of rows.  A look reads the
changes, advances and fetches the table in one snapshot: copy - old + new =
table, and no old image that the copy does not have.
"""

import sys
from collections import Counter

import changes
from check import World, options
from pq import SqlError
from writers import Storm

# Columns that a reader of part of a table asks for.
PARTS = {"customer": ["id", "region"], "orders": ["customer_id", "amount"], "measure": ["bucket", "val"], "doc": ["body"], "event": ["who"], "item": ["qty", "sku"]}


class Reader:
    def __init__(self, table, name, columns):
        self.table, self.name, self.columns = table.name, name, columns
        self.compared = ", ".join(columns or table.names)       # a column may be added
        self.copy = None
        self.resets = 0

    def start(self, c):
        c.run("SET search_path = it")
        c.run(f"SELECT dataplat_internal.watch_table($1, $2{', $3' if self.columns else ''})", self.table, self.name, *(["{" + ",".join(self.columns) + "}"] if self.columns else []))

    def changes(self, c):
        """What is new, as (sign, row); it counts as seen when the transaction commits."""
        got = c.run("SELECT sign, row FROM dataplat_internal.read_changes($1, $2)", self.table, self.name)
        c.run("SELECT dataplat_internal.advance_reader($1, $2)", self.table, self.name)
        return got

    def forget(self, c):
        c.run("SELECT dataplat_internal.reset_reader($1, $2)", self.table, self.name)

    def rows(self, c):
        return Counter(r[0] for r in c.run(f"SELECT to_jsonb(the_row)::text FROM (SELECT {self.compared} FROM {self.table} AS t) AS the_row"))

    def plain(self, c, row):
        """A row as the copy has it: images may have more columns."""
        return c.one(f"SELECT to_jsonb(the_row)::text FROM (SELECT {self.compared} FROM jsonb_populate_record(NULL::{self.table}, $1::jsonb)) AS the_row", row)

    def look(self, world, back, more):
        """One look in a transaction that then writes more itself; taken back when back."""
        c = world.judge.c
        c.run("SET search_path = it")
        world.sql("BEGIN ISOLATION LEVEL REPEATABLE READ")
        have = self.rows(c)
        world.log("R", f"look of {self.name} at {self.table}")
        got = self.changes(c)
        copy, trouble = Counter(self.copy), None
        if any(sign == "0" for sign, _ in got):
            self.resets += 1
            copy = Counter(have)
        else:
            old, new = Counter(), Counter()
            for sign, row in got:
                row = self.plain(c, row)
                (old if sign == "-1" else new)[row] += 1
            if old - copy:
                trouble = f"old images of rows that were not there: {list((old - copy).items())[:5]}"
            copy = copy - old + new
        if copy != have:
            trouble = f"{trouble or ''}\nextra {list((copy - have).items())[:5]}\nmissing {list((have - copy).items())[:5]}"
        c.run("SET LOCAL lock_timeout = '10ms'")
        for statement in more:
            c.run("SAVEPOINT m")
            world.log("R", statement)
            try:
                c.run(statement)
            except SqlError:
                c.run("ROLLBACK TO m")
        try:
            world.sql("ROLLBACK" if back else "COMMIT")
        except SqlError as e:
            world.judge.c.run("ROLLBACK")
            back = True
            if e.state != "40001":
                raise
        if not back:
            self.copy = have
        world.compared += 1
        if trouble:
            world.finding(f"reader {self.name} of {self.table}, {'part' if self.columns else 'all'} of the columns: {trouble}")
            for n, line in world.entries[-60:]:
                print(f"  {n} {line}"[:400])
            self.copy = self.rows(c)
            self.forget(c)


class Consumer(Reader):
    """The same through what users call."""

    SIGNS = {"insert": "1", "delete": "-1", "reset": "0"}

    def start(self, c):
        c.run("SET search_path = it")
        c.run("SELECT dataplat.consume($1, $2)", self.name, self.table)

    def changes(self, c):
        got = [(self.SIGNS[change], row) for change, row in c.run("SELECT change, row FROM dataplat.consume($1, $2)", self.name, self.table)]
        if got and got[0][0] == "0":
            told = Counter(self.plain(c, row) for sign, row in got[1:])
            if told != self.rows(c):
                raise SqlError("what follows a reset is not what is there", "wrong")
        return got

    def forget(self, c):
        self.changes(c)


class DeltaWorld(World):
    def make(self):
        self.readers = []
        c = self.judge.c
        for t in self.tables:
            for kind, name, columns in [(Reader, "all", None), (Reader, "twin", None), (Consumer, "user", None)] + ([(Reader, "part", PARTS[t.name])] if t.name in PARTS else []):
                reader = kind(t, name, columns)
                try:
                    reader.start(c)
                    reader.copy = reader.rows(c)
                    self.readers.append(reader)
                except SqlError as e:
                    print(f"refused: {t.name}: {e}")

    def play(self):
        self.round += 1
        self.act(self.r.randint(1, 10))
        self.snapshot_open = True
        storm = Storm(self.writers, f"{self.seed}/{self.round}") if self.r.random() < 0.05 else None
        try:
            for reader in self.r.sample(self.readers, 4):
                t = next(t for t in self.tables if t.name == reader.table)
                more = [str(changes.insert(self.r, t)), changes.update(self.r, t), changes.delete(self.r, t)] if self.r.random() < 0.3 else []
                try:
                    reader.look(self, self.r.random() < 0.15, more)
                except SqlError as e:
                    self.clear()
                    if e.state not in ("40001", "55P03"):
                        self.finding(f"reader {reader.name} of {reader.table}", e)
        finally:
            if storm:
                storm.end()
            self.snapshot_open = False


def main():
    o = options()
    world = DeltaWorld(o)
    print(f"seed {world.seed}", flush=True)
    world.build()
    for _ in range(o.rounds):
        world.play()
        if world.findings and not o.keep_going:
            break
    world.close()
    print(f"seed {world.seed}: {world.round} rounds, {world.compared} looks, {sum(r.resets for r in world.readers)} resets, {len(world.findings)} findings")
    return 1 if world.findings else 0


if __name__ == "__main__":
    sys.exit(main())
