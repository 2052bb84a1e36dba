#!/usr/bin/env python3
"""Is incremental equal to full for queries that nobody thought of?

An era is a handful of random queries (generate.py), one pipeline each, and
rounds of check.py over them.  What PostgreSQL refuses by itself, or finds too
dear, is not taken.  The last line says how many of them ran incrementally.
"""

import sys
import time

import check
from generate import Generator
from judge import Pipeline
from pq import Connection, SqlError

QUERIES = 10
# Planner's cost beyond which a query would only slow the game down.
TOO_DEAR = 30000
# Errors that the data, not the pipeline, is to blame for.
BY_DATA = {"22003", "22P02", "22023", "22012", "21000"}


class Generated(check.World):
    def __init__(self, o):
        super().__init__(o)
        self.made = self.refusals = self.by_data = 0
        self.incremental = 0
        self.reasons = {}

    def make(self):
        self.pipelines = []

    def query(self):
        """One that PostgreSQL takes."""
        while True:
            text, keys = Generator(self.r).query()
            self.judge.schema("it")
            try:
                plan = self.judge.c.run(f"EXPLAIN {text}")[0][0]
                if float(plan.split("..")[1].split(" ")[0]) < TOO_DEAR:
                    self.judge.c.run(text)
                    return text, keys
            except SqlError as e:
                if e.state[:2] == "XX" or e.state == "lost":
                    raise

    def begin_era(self, era):
        self.pipelines = []
        while len(self.pipelines) < QUERIES:
            text, keys = self.query()
            p = Pipeline(f"g{era}_{len(self.pipelines)}", text, "it", keys, want="any")
            self.judge.create(p)
            self.made += 1
            if p.refused:
                self.refusals += 1
                said = f"{p.refused.state} {p.refused}"
                if p.refused.state[:2] == "XX" or not p.refused.hint:
                    self.finding(f"{p.full_name()} is refused without a hint\n{text}", p.refused)
                self.reasons[said] = self.reasons.get(said, 0) + 1
                continue
            self.incremental += p.got_mode == "aggregate"
            if p.got_mode != "aggregate":
                self.reasons[f"{p.got_mode}: {p.reason}"] = self.reasons.get(f"{p.got_mode}: {p.reason}", 0) + 1
            self.pipelines.append(p)

    def blame(self, error, chosen):
        """An error that the query alone makes, too, is the data's."""
        for p in chosen:
            try:
                self.judge.schema("it")
                self.judge.c.run(p.query)
            except SqlError as e:
                self.clear()
                if e.state not in BY_DATA:
                    raise
                self.by_data += 1
                p.given_up = True
                return
        super().blame(error, chosen)

    def choose(self):
        return super().choose() if self.alive() else []

    def end_era(self):
        for n, in self.judge.c.run("SELECT name FROM dataplat.pipeline ORDER BY pipeline_id DESC"):
            self.judge.c.run("SELECT dataplat.drop_pipeline($1, drop_target => true)", n)


def main():
    o = check.options()
    world = Generated(o)
    print(f"seed {world.seed}", flush=True)
    world.build()
    began = time.monotonic()
    era = 0
    rounds = 0
    while rounds < o.rounds:
        era += 1
        world.begin_era(era)
        for _ in range(min(30, o.rounds - rounds)):
            rounds += 1
            if world.alive():
                world.play()
            if world.findings and not o.keep_going:
                break
        if world.findings and not o.keep_going:
            break
        world.finish()
        world.end_era()
        if era % 10 == 0:
            print(f"era {era}, {time.monotonic() - began:.0f} s, {world.made} queries, {world.compared} comparisons, {len(world.findings)} findings", flush=True)
    for kind, reason, n in world.judge.c.run("SELECT kind, coalesce(reason, ''), count(*) FROM dataplat.pipeline_run WHERE state = 'succeeded' GROUP BY 1, 2 ORDER BY 3 DESC"):
        print(f"{n:>6} runs {kind} {reason}")
    world.close()
    for said, n in sorted(world.reasons.items(), key=lambda x: -x[1]):
        print(f"{n:6} {said}")
    print(f"{world.made} queries, {world.refusals} refused, {world.incremental} incremental; {world.runs} runs, {world.compared} comparisons, "
          f"{world.by_data} given up because of the data")
    print(f"{len(world.findings)} differences or errors", flush=True)
    return 1 if world.findings else 0


if __name__ == "__main__":
    sys.exit(main())
