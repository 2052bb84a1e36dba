"""The contestants: each is prepared, run once, and leaves its rows in a table."""

import itertools
import json
import os
import subprocess
import time

import schemas
from broker import wait_until
from connect import connect
from server import cpu_seconds, stat_cpu

KAFKA_COLUMNS = "_partition int, _offset bigint, _timestamp timestamptz, _key text, _headers jsonb"
ORDER_COLUMNS = ("order_id bigint, customer_id bigint, status text, amount numeric, currency text, quantity int,"
                 " sku text, email text, updated_at timestamptz, paid boolean")
ORDER_NAMES = "order_id, customer_id, status, amount, currency, quantity, sku, email, updated_at, paid"

# Without these two kcat, as any fast reader, waits a second at a time.
KCAT_TUNED = ["-X", "queued.min.messages=1000000", "-X", "queued.max.messages.kbytes=262144",
              "-X", "fetch.message.max.bytes=4194304"]

RUN_LIMIT = 900


class Bench:
    """What every contestant needs to know."""

    def __init__(self, server, broker, tools, topic, rows, files):
        self.server = server
        self.broker = broker
        self.tools = tools
        self.topic = topic
        self.rows = rows
        self.files = files
        # What sum(_offset) must be when every message came exactly once.
        self.offset_sum = None

    def tool(self, name, *args):
        out = subprocess.check_output([os.path.join(self.tools, name), *args], text=True)
        return json.loads(out.splitlines()[-1])

    def finish(self, table, start, cpu=None):
        """Turn what is in the table into a sample, and see that it is right."""
        f = self.server.run_figures(table)
        if f["rows"] != self.rows or (self.offset_sum is not None and f["offset_sum"] != self.offset_sum):
            raise RuntimeError(f"{table} has {f['rows']} rows (offsets sum to {f['offset_sum']}), expected {self.rows}")
        sample = {"rows": f["rows"], "transactions": f["transactions"],
                  "wall_seconds": f["last_commit"] - start,
                  "wall_rate": f["rows"] / (f["last_commit"] - start)}
        warm = f["last_commit"] - f["first_commit"]
        if f["transactions"] > 1 and f["rows"] > f["first_rows"] and warm > 0:
            sample["rate"] = (f["rows"] - f["first_rows"]) / warm
        else:
            sample["rate"] = sample["wall_rate"]
        if cpu is not None:
            sample["cpu_per_million"] = cpu * 1e6 / f["rows"]
        return sample


def make_files(b):
    """The rows of the topic once, as files for the COPY contestants."""
    s = b.server
    s.sql(f"DROP TABLE IF EXISTS loaded; CREATE UNLOGGED TABLE loaded ({KAFKA_COLUMNS.replace('timestamptz', 'bigint')}, value text)")
    kcat_copy(b, "loaded")
    row = s.sql("SELECT count(*), sum(_offset) FROM loaded")[0]
    if int(row[0]) != b.rows:
        raise RuntimeError(f"kcat read {row[0]} of {b.rows} messages")
    b.offset_sum = int(row[1])
    kafka = "_partition, _offset, to_timestamp(_timestamp / 1000.0) AS _timestamp, _key, _headers"
    typed = ", ".join(f"(v->>'{c.split()[0]}')::{c.split()[1]}" for c in ORDER_COLUMNS.split(","))
    for name, value, how in (("text.bin", "value", "binary"), ("text.txt", "value", "text"),
                             ("bytea.bin", "convert_to(value, 'UTF8')", "binary"),
                             ("jsonb.bin", "value::jsonb", "binary"), ("typed.bin", typed, "binary")):
        source = "loaded" if name != "typed.bin" else "(SELECT *, value::jsonb AS v FROM loaded OFFSET 0) AS l"
        s.sql(f"COPY (SELECT {kafka}, {value} FROM {source}) TO '{b.files}/{name}' (FORMAT {how})")
    s.sql("DROP TABLE loaded")


def fresh(b, table, columns):
    b.server.sql(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns})")
    b.server.sql("CHECKPOINT")


def kcat_copy(b, table):
    done = subprocess.run(
        ["bash", "-c", 'set -o pipefail; n=$1; shift; kcat=("${@:1:n}"); shift "$n"; "${kcat[@]}" | "$@"', "kcat",
         *counted(["kcat", "-C", "-q", "-b", b.broker.bootstrap, "-t", b.topic, "-o", "beginning", "-c", str(b.rows),
                   *KCAT_TUNED, "-f", "%p\\t%o\\t%T\\t%k\\t%s\\n"]),
         *b.server.psql_command("-c", f"COPY {table} (_partition, _offset, _timestamp, _key, value) FROM STDIN")],
        capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"kcat | psql: {done.stderr}")


def counted(command):
    return [str(len(command)), *command]


# The server process reads its own CPU times.
OWN_CPU = r"SELECT rtrim(pg_read_file('/proc/self/stat'), E'\n')"


def warm_up(b):
    """Write as much WAL as the server will keep, so that no run pays for new segments."""
    fresh(b, "copied", f"{KAFKA_COLUMNS}, value text")
    wal = "SELECT pg_size_bytes(current_setting('min_wal_size')) / pg_size_bytes(current_setting('wal_segment_size'))"
    while int(b.server.value("SELECT count(*) FROM pg_ls_waldir()")) < int(b.server.value(wal)):
        b.server.sql(f"TRUNCATE copied; COPY copied FROM '{b.files}/text.bin' (FORMAT binary)")
    b.server.sql("DROP TABLE copied; CHECKPOINT")


def copy_from(file, columns, how):
    """Server-side COPY of the same rows, one transaction."""
    def run(b):
        table = "copied"
        fresh(b, table, columns)
        rows = b.server.sql(f"SELECT extract(epoch FROM clock_timestamp());"
                            f" COPY {table} FROM '{b.files}/{file}' (FORMAT {how}); {OWN_CPU}")
        return b.finish(table, float(rows[0][0]), stat_cpu(rows[-1][0]))
    return run


def kcat_into(value_type):
    """kcat with tuned queues, piped to psql's COPY.  It keeps no offsets."""
    def run(b):
        # The timestamp stays a number: COPY has no expression to convert it.
        fresh(b, "piped", f"{KAFKA_COLUMNS.replace('timestamptz', 'bigint')}, value {value_type}")
        start = time.time()
        kcat_copy(b, "piped")
        return b.finish("piped", start)
    return run


def raw(b):
    """librdkafka alone."""
    out = b.tool("rawconsume", "-b", b.broker.bootstrap, "-t", b.topic, "-n", str(b.rows))
    return {"rows": out["rows"], "wall_seconds": out["seconds"], "wall_rate": out["rows"] / out["seconds"],
            "rate": out["rows"] / out["warm_seconds"], "cpu_per_million": out["cpu"] * 1e6 / out["rows"]}


def go(workers, typed=False, encode="hand", parser="goccy"):
    """The hand-written exactly-once consumer in Go."""
    def run(b):
        fresh(b, "gone", f"{KAFKA_COLUMNS}, {ORDER_COLUMNS if typed else 'value text'}")
        b.server.sql("DROP TABLE IF EXISTS go_offset; CREATE TABLE go_offset (topic text, partition int,"
                     " next_offset bigint, PRIMARY KEY (topic, partition)) WITH (fillfactor = 50)")
        start = time.time()
        out = b.tool("goconsumer", f"-old={str(b.broker.name == 'mock').lower()}", "-b", b.broker.bootstrap, "-t", b.topic, "-n", str(b.rows), "-d", b.server.conninfo,
                     "-T", "gone", "-workers", str(workers), f"-typed={str(typed).lower()}", "-encode", encode, "-json", parser)
        return b.finish("gone", start, out["cpu"])
    return run


def jdbc(b):
    """Multi-row INSERT ... ON CONFLICT with text parameters."""
    fresh(b, "inserted", f"{KAFKA_COLUMNS}, value text, PRIMARY KEY (_partition, _offset)")
    start = time.time()
    out = b.tool("jdbcsink", "-b", b.broker.bootstrap, "-t", b.topic, "-n", str(b.rows), "-d", b.server.conninfo,
                 "-T", "inserted")
    return b.finish("inserted", start, out["cpu"])


def dataplat(format, layout="document", workers=1):
    """A source of dataplat, from resume_source to the last commit."""
    def run(b):
        s = b.server
        # A new name each time: the ledger remembers dropped sources.
        name = f"bench_{next(run_number)}"
        target = f"bronze.{name}"
        s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
        more = {"columns": ORDER_COLUMNS} if layout == "columns" else {}
        create_source(s, name, schemas.TOPICS.get(format, b.topic), target, format=format, layout=layout, workers=workers, **more)
        try:
            s.sql("CHECKPOINT")
            start = time.time()
            s.sql(f"SELECT dataplat.resume_source('{name}')")
            wait_until(lambda: ingested(s, name) >= b.rows, RUN_LIMIT, "dataplat", 0.05)
            cpu = sum(cpu_seconds(p) for p in s.workers())
            sample = b.finish(target, start, cpu)
            sample["write_path"] = s.value(f"SELECT dataplat_internal.source_write_path('{name}')")
            return sample
        finally:
            drop_source(s, name)
    return run


run_number = itertools.count(1)


def create_source(s, name, topic, target, server="bench", **options):
    words = "".join(f", {k} => {v if isinstance(v, (int, bool)) else chr(39) + str(v) + chr(39)}" for k, v in options.items())
    s.sql(f"SELECT dataplat.create_source('{name}', server => '{server}', topic => '{topic}', target => '{target}', paused => true{words})")


def ingested(s, name):
    """Rows that the ledger says are committed; it is small, so asking is cheap."""
    return int(s.value(f"SELECT coalesce(sum(rows), 0) FROM dataplat.batch WHERE source = '{name}'"))


def drop_source(s, name, wait=True):
    s.sql(f"""DO $$ BEGIN
        IF EXISTS (SELECT FROM dataplat.source WHERE name = '{name}') THEN
            PERFORM dataplat.drop_source('{name}', drop_target => true);
        END IF;
    END $$""")
    s.sql(f"DROP TABLE IF EXISTS bronze.{name}")
    if wait:
        wait_until(lambda: not s.workers(), 30, "the workers of a dropped source to stop")


# Name, contestant; the order is the order in a round.
CONTESTANTS = {
    "raw": raw,
    "dp_text": dataplat("text"),
    "copy_binary_text": copy_from("text.bin", f"{KAFKA_COLUMNS}, value text", "binary"),
    "go_1": go(1),
    "copy_text": copy_from("text.txt", f"{KAFKA_COLUMNS}, value text", "text"),
    "kcat_text": kcat_into("text"),
    "dp_bytes": dataplat("bytes"),
    "copy_binary_bytea": copy_from("bytea.bin", f"{KAFKA_COLUMNS}, value bytea", "binary"),
    "dp_jsonb": dataplat("json"),
    "copy_binary_jsonb": copy_from("jsonb.bin", f"{KAFKA_COLUMNS}, value jsonb", "binary"),
    "kcat_jsonb": kcat_into("jsonb"),
    "dp_text_2": dataplat("text", workers=2),
    "go_2": go(2),
    "dp_typed": dataplat("json", layout="columns"),
    "go_typed_1": go(1, typed=True),
    "copy_binary_typed": copy_from("typed.bin", f"{KAFKA_COLUMNS}, {ORDER_COLUMNS}", "binary"),
    "dp_typed_2": dataplat("json", layout="columns", workers=2),
    "go_typed_2": go(2, typed=True),
    "dp_avro_typed": dataplat("avro", layout="columns"),
    "dp_avro_jsonb": dataplat("avro"),
    "dp_protobuf_typed": dataplat("protobuf", layout="columns"),
    "dp_protobuf_jsonb": dataplat("protobuf"),
    "jdbc": jdbc,
    "connect": connect,
}

# Its Java client does not speak with the mock cluster.
KAFKA_ONLY = {"connect"}

# Not in the default run: the plainer ways to write the Go consumer.
MORE_CONTESTANTS = {
    "go_pgx_1": go(1, encode="pgx"),
    "go_typed_pgx_1": go(1, typed=True, encode="pgx"),
    "go_typed_std_1": go(1, typed=True, parser="std"),
}
