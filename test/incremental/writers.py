"""Writers: connections that change tables, each with a transaction that may
stay open over many rounds, savepoints, rollbacks and prepared transactions.

In the quiet rounds one thread moves all of them, so a seed repeats a run; a
lock that another one holds is given up at once (lock_timeout).  In a storm
each has a thread of its own.
"""

import random
import threading

import changes
from pq import Connection, SqlError


# Prepared transactions that may wait at one time.
PREPARED_LIMIT = 5


class Writer:
    def __init__(self, world, number, tables):
        self.world, self.number, self.tables = world, number, tables
        self.c = None
        self.chores = []            # statements of an administrator that are still to come
        self.reset()

    def reset(self):
        """After a crash: nothing of what was open is left."""
        if self.c:
            self.c.close()
        self.c = None
        self.age = self.savepoints = 0
        self.open = False

    def connection(self):
        if not self.c:
            self.c = Connection(self.world.conninfo)
            self.c.run("SET search_path = it; SET lock_timeout = '10ms'; SET statement_timeout = '20s'; SET client_min_messages = error")
            if self.number == 0:
                self.c.run("SET default_transaction_isolation = 'repeatable read'")
        return self.c

    def say(self, statement):
        """Run one statement and tell how it went; errors that users cause are fine."""
        c = self.connection()
        error = None
        try:
            if isinstance(statement, changes.Copy):
                c.copy(statement.sql, statement.lines)
            else:
                c.run(statement)
        except SqlError as e:
            error = e
        self.world.log(f"W{self.number}", statement, error)
        if error and error.state not in changes.EXPECTED and error.state != "lost":
            self.world.finding(f"a writer's statement failed\n{statement}", error)
        if error and error.state == "lost":
            raise error
        return error

    def administrate(self, r):
        """A statement of an administrator; errors are fine unless the server is to blame."""
        if self.open or self.world.snapshot_open:
            return
        if not self.chores:
            self.chores = list(r.choice(changes.DDL))
        c, statement, error = self.connection(), self.chores.pop(0), None
        try:
            c.run(statement)
        except SqlError as e:
            error = e
            if e.state == "55P03":      # once more, later
                self.chores.insert(0, statement)
        self.world.log(f"W{self.number}", statement, error)
        if error and (error.state[:2] == "XX" or error.state == "lost"):
            self.world.finding(f"an administrator's statement failed\n{statement}", error)

    def step(self, r):
        """One random move."""
        if not self.open:
            if r.random() < 0.45:
                self.say("BEGIN")
                self.open, self.age, self.savepoints = True, r.choice([1, 1, 2, 4, 9, 20]), 0
            else:
                for _ in range(r.choice([1, 1, 2])):
                    # TRUNCATE shows through snapshots, so not while one is used.
                    self.say(changes.statement(r, self.tables, alone=not self.world.snapshot_open))
                return
        x = r.random()
        if x < 0.12:
            self.savepoints += 1
            self.say(f"SAVEPOINT s{self.savepoints}")
        elif x < 0.2 and self.savepoints:
            n = r.randint(1, self.savepoints)
            self.say(f"ROLLBACK TO s{n}")
            self.savepoints = n
        elif x < 0.24 and self.savepoints:
            self.say(f"RELEASE s{self.savepoints}")
            self.savepoints -= 1
        else:
            guard = r.random() < 0.7
            if guard:
                self.say("SAVEPOINT g")
            error = self.say(changes.statement(r, self.tables, alone=False))
            if error and not guard:
                return self.end("ROLLBACK")
            if guard:
                self.say("ROLLBACK TO g" if error else "RELEASE g")
        self.age -= 1
        if self.age <= 0:
            self.finish(r)

    def finish(self, r):
        if not self.open:
            return
        x = r.random()
        if x < 0.15:
            self.end("ROLLBACK")
        elif x < 0.22 and self.world.prepared is not None and len(self.world.prepared) < PREPARED_LIMIT:
            gid = f"p{self.number}_{r.randint(0, 10**9)}"
            error = self.end(f"PREPARE TRANSACTION '{gid}'")
            if not error:
                self.world.prepared.append(gid)
        else:
            self.end("COMMIT")

    def end(self, statement):
        error = self.say(statement)
        if error and self.c.in_transaction():
            self.say("ROLLBACK")
        self.open, self.savepoints = False, 0
        return error

    def end_chores(self):
        """The last statements put back what the first ones took away."""
        for statement in self.chores:
            try:
                self.connection().run(statement)
            except SqlError:
                pass
            self.world.log(f"W{self.number}", statement)
        self.chores = []

    def storm(self, seed, stop):
        """Write until told to stop, then finish; returns in its own thread."""
        r = random.Random(seed)
        while not stop.is_set():
            self.step(r)
        self.finish(r)


class Storm:
    """All writers at once, each in a thread."""

    def __init__(self, writers, seed):
        self.stop = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self._one, args=(w, f"{seed}/{w.number}")) for w in writers]
        for t in self.threads:
            t.start()

    def _one(self, writer, seed):
        try:
            writer.storm(seed, self.stop)
        except SqlError as e:
            self.errors.append(e)

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()
