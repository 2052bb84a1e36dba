"""Figures that are not rates: latency, stopping, memory, idling."""

import os
import subprocess
import time

from broker import fill, wait_until
from peers import KAFKA_COLUMNS, create_source, drop_source, ingested
from server import anonymous_memory, cpu_seconds

LATENCY_SECONDS = 12
LATENCY_PARTITIONS = 8


def latency_run(b, topic, rate, table):
    return b.tool("latency", "-b", b.broker.bootstrap, "-t", topic, "-r", str(rate), "-n", str(rate * LATENCY_SECONDS),
                  "-p", str(LATENCY_PARTITIONS), "-d", b.server.conninfo, "-T", table)


def latency(b, rate, topic):
    """Produce to visible, through a source that is idle when the producer starts."""
    s = b.server
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    drop_source(s, "latency")
    fill(b.tools, b.broker, topic, 0, LATENCY_PARTITIONS)
    create_source(s, "latency", topic, "bronze.latency", format="text")
    s.sql("SELECT dataplat.resume_source('latency')")
    wait_until(lambda: s.value("SELECT state FROM dataplat.source_status WHERE source = 'latency'") == "idle", 30,
               "the source to become idle")
    pid = s.workers()[0]
    before, began = cpu_seconds(pid), time.time()
    out = latency_run(b, topic, rate, "bronze.latency")
    out["worker_cpu_percent"] = 100 * (cpu_seconds(pid) - before) / (time.time() - began)
    drop_source(s, "latency")
    return out


def latency_go(b, rate, topic):
    """The same through the Go consumer."""
    s = b.server
    fill(b.tools, b.broker, topic, 0, LATENCY_PARTITIONS)
    s.sql(f"DROP TABLE IF EXISTS gone; CREATE TABLE gone ({KAFKA_COLUMNS}, value text)")
    s.sql("DROP TABLE IF EXISTS go_offset; CREATE TABLE go_offset (topic text, partition int, next_offset bigint,"
          " PRIMARY KEY (topic, partition)) WITH (fillfactor = 50)")
    process = subprocess.Popen([os.path.join(b.tools, "goconsumer"), "-b", b.broker.bootstrap, "-t", topic,
                                "-n", str(rate * LATENCY_SECONDS), "-d", s.conninfo, "-T", "gone"],
                               stdout=subprocess.DEVNULL)
    try:
        # It is connected when its session exists; the first third of the run is not counted anyway.
        wait_until(lambda: s.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'bench'") not in ("0", "1"),
                   30, "the Go consumer to connect")
        return latency_run(b, topic, rate, "gone")
    finally:
        process.terminate()
        process.wait()


def gone(pid):
    """A process has ended when /proc has it no more, or only its exit status."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def stop_time(b, broker_dead):
    """From pg_terminate_backend to the end of a worker that was reading.

    Returns milliseconds.  With a dead broker the worker has lost its
    connections and is trying again when it is told to stop.
    """
    s = b.server
    name = "stop_dead" if broker_dead else "stop_up"
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    create_source(s, name, b.topic, f"bronze.{name}", format="text")
    s.sql(f"SELECT dataplat.resume_source('{name}')")
    pid = wait_until(s.workers, 30, "a worker")[0]
    wait_until(lambda: ingested(s, name) > 0, 30, "a batch")
    if broker_dead:
        b.broker.kill()
        wait_until(lambda: s.value(f"SELECT state FROM dataplat.source_status WHERE source = '{name}'") == "retrying", 60,
                   "the source to notice the dead broker")
        pid = s.workers()[0] if s.workers() else pid
    start = time.monotonic()
    s.sql(f"SELECT pg_terminate_backend({pid})")
    wait_until(lambda: gone(pid), 60, "the worker to end", 0.001)
    took = (time.monotonic() - start) * 1000
    drop_source(s, name)
    return took


MEMORY_PARTITIONS = 200
MEMORY_MESSAGE = 10_000_000


def memory(b, topic, messages=MEMORY_PARTITIONS):
    """The greatest private memory of a worker that reads 200 partitions of 10 MB messages, of its allowance."""
    s = b.server
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    fill(b.tools, b.broker, topic, messages, MEMORY_PARTITIONS, MEMORY_MESSAGE)
    drop_source(s, "memory")
    create_source(s, "memory", topic, "bronze.memory", format="bytes")
    s.sql("SELECT dataplat.resume_source('memory')")
    most = 0

    def done():
        nonlocal most
        for pid in s.workers():
            most = max(most, anonymous_memory(pid))
        return int(s.value("SELECT coalesce(sum(rows + dead_letters), 0) FROM dataplat.batch WHERE source = 'memory'")) >= messages

    wait_until(done, 600, "10 MB messages", 0.01)
    allowance = int(s.value("SELECT pg_size_bytes(current_setting('dataplat.fetch_memory'))"))
    dead = int(s.value("SELECT coalesce(sum(dead_letters), 0) FROM dataplat.batch WHERE source = 'memory'"))
    drop_source(s, "memory")
    return {"value": most / allowance, "peak_mb": most / 2**20, "fetch_memory_mb": allowance / 2**20, "dead_letters": dead}


IDLE_SOURCES = 20
IDLE_SECONDS = 15


def idle(b, topic):
    """CPU of all processes of dataplat with 20 sources that have nothing to do, in percent of a core.

    Without the short fetch wait of the other runs: an idle source waits as the
    defaults say.
    """
    s = b.server
    s.sql(f"""DROP SERVER IF EXISTS idle CASCADE;
        CREATE SERVER idle FOREIGN DATA WRAPPER dataplat_kafka OPTIONS ("bootstrap.servers" '{b.broker.bootstrap}')""")
    s.sql("CREATE SCHEMA IF NOT EXISTS bronze")
    fill(b.tools, b.broker, topic, 0, LATENCY_PARTITIONS)
    try:
        for i in range(IDLE_SOURCES):
            create_source(s, f"idle{i}", topic, f"bronze.idle{i}", server="idle", format="text")
            s.sql(f"SELECT dataplat.resume_source('idle{i}')")
        wait_until(lambda: int(s.value("SELECT count(*) FROM dataplat.source_status WHERE source LIKE 'idle%' AND state = 'idle'"))
                   == IDLE_SOURCES, 120, "20 sources to become idle", 0.2)
        pids = s.workers("dataplat%")
        before = {p: cpu_seconds(p) for p in pids}
        began = time.monotonic()
        # The one wait for a time: CPU over a while is what is measured.
        time.sleep(IDLE_SECONDS)
        used = {p: cpu_seconds(p) - before[p] for p in pids}
        seconds = time.monotonic() - began
        percent = 100 * sum(used.values()) / seconds
        kinds = s.sql("SELECT backend_type, string_agg(pid::text, ',') FROM pg_stat_activity WHERE backend_type ILIKE 'dataplat%' GROUP BY 1")
        by_kind = {k: round(100 * sum(used.get(int(p), 0) for p in v.split(",")) / seconds, 3) for k, v in kinds}
    finally:
        for i in range(IDLE_SOURCES):
            drop_source(s, f"idle{i}", wait=False)
        wait_until(lambda: not s.workers(), 60, "the idle workers to stop")
    return {"value": percent, "processes": len(pids), "percent_by_kind": by_kind}
