#!/usr/bin/env python3
"""The speed table of dataplat, measured side by side.  Started by run.sh.

Every contestant reads the same rows, each into a fresh table after a CHECKPOINT;
a round runs all of them once, and the figures are medians over the rounds.
"""

import argparse
import fnmatch
import json
import os
import signal
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

import operation
import peers
import pipelines
import schemas
import states
from broker import KafkaBroker, MockBroker, fill
from report import Results, commit
from server import Server

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def options():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["table", "sustained"])
    p.add_argument("--place", required=True, help="directory for server, brokers and files")
    p.add_argument("--pg-config", required=True)
    p.add_argument("--tools", required=True, help="directory of the bench's programs")
    p.add_argument("--mock", required=True, help="the mock broker's program")
    p.add_argument("--kafka", required=True, help="the script that starts Kafka")
    p.add_argument("--gx-python", default="python3", help="a Python that has Great Expectations")
    p.add_argument("--kafka-port", type=int, default=29092)
    p.add_argument("--broker", choices=["mock", "kafka", "both"], default="both")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--rows", type=int, default=1_000_000)
    p.add_argument("--only", default="", help="patterns of contestants and figures, separated by commas")
    p.add_argument("--gigabytes", type=float, default=10)
    return p.parse_args()


class Session:
    """One bench: a server, the results, and which of the runs were asked for."""

    def __init__(self, o):
        self.o = o
        self.server = Server(o.pg_config, o.place)
        self.files = os.path.join(o.place, "files")
        os.makedirs(self.files, exist_ok=True)
        if os.geteuid() == 0:
            os.chmod(self.files, 0o777)
        self.topics = 0

    def wanted(self, name):
        patterns = [w for w in self.o.only.split(",") if w]
        return not patterns or any(fnmatch.fnmatch(name, w) for w in patterns)

    def named_only(self, name):
        """Asked for by name: the runs that are not in the default table."""
        return bool(self.o.only) and self.wanted(name)

    def open_broker(self, kind):
        if kind == "mock":
            broker = MockBroker(self.o.place, self.o.mock)
        else:
            broker = KafkaBroker(self.o.place, self.o.kafka, self.o.kafka_port)
        return broker

    def start(self, broker, topics):
        """Start the broker and tell dataplat where it is."""
        why = broker.available()
        if why:
            raise RuntimeError(why)
        broker.start(topics)
        if self.server.has_dataplat:
            self.server.sql(f"""DROP SERVER IF EXISTS bench CASCADE;
                CREATE SERVER bench FOREIGN DATA WRAPPER dataplat_kafka OPTIONS (
                    "bootstrap.servers" '{broker.bootstrap}', "fetch.wait.max.ms" '10')""")

    def bench(self, broker, topic):
        return peers.Bench(self.server, broker, self.o.tools, topic, self.o.rows, self.files)


def rates(session, results, kind):
    """The interleaved rounds of all contestants on one broker."""
    everyone = {**peers.CONTESTANTS, **{k: v for k, v in peers.MORE_CONTESTANTS.items() if session.named_only(k)}}
    field = {n: run for n, run in everyone.items() if session.wanted(n) and not (kind == "mock" and n in peers.KAFKA_ONLY)}
    if not session.server.has_dataplat:
        for name in [n for n in field if n.startswith("dp_")]:
            results.skip(name, "this server has no dataplat")
            del field[name]
    if not field:
        return
    broker = session.open_broker(kind)
    partitions = broker.partitions(session.o.rows)
    try:
        # beside the JSON topic, for those who read other encodings
        encodings = {e: t for e, t in schemas.TOPICS.items() if any(n.startswith(f"dp_{e}") for n in field)}
        session.start(broker, {t: partitions for t in ("bench", *encodings.values())})
        b = session.bench(broker, "bench")
        filled = fill(b.tools, broker, "bench", session.o.rows, partitions)
        for encoding, topic in encodings.items():
            fill(b.tools, broker, topic, session.o.rows, partitions, encoding=encoding,
                 schema_id=schemas.register(session.server, encoding))
        results.about["bytes"] = filled["bytes"]
        peers.make_files(b)
        peers.warm_up(b)
        broken = set()
        for round in range(session.o.rounds):
            for name, run in field.items():
                if name in broken:
                    continue
                try:
                    sample = run(b)
                except Exception as e:
                    broken.add(name)
                    results.skip(name, str(e).splitlines()[0])
                    traceback.print_exc()
                    continue
                results.add_run(name, sample)
                if name == "dp_jsonb" and session.wanted("end_to_end"):
                    out = pipelines.end_to_end(b)
                    results.add_figure("end_to_end", out.pop("value"), out)
                if name == "dp_text" and sample.get("cpu_per_million"):
                    results.add_figure("cpu_per_million", sample["cpu_per_million"])
                print(f"  {kind} round {round + 1}: {name:<20}{sample['rate']:>12,.0f} rows/s"
                      f"{sample['wall_rate']:>12,.0f} with start", flush=True)
    finally:
        broker.stop()


def figures(session, results, kind):
    """Latency, stop, memory and idle figures on one broker."""
    jobs = []
    topics = {}

    def job(name, topic, call):
        if session.wanted(name):
            jobs.append((name, call))
            if topic:
                topics[topic] = operation.LATENCY_PARTITIONS

    if session.server.has_dataplat:
        for rate in (1000, 20000):
            for n in range(session.o.rounds if session.o.only else 1):
                topic = f"latency-{rate}-{n}"
                job(f"latency_{kind}_{rate}", topic, lambda b, r=rate, t=topic: p99(operation.latency(b, r, t)))
        job("latency_gold", "latency-gold", lambda b: p99(pipelines.latency_gold(b, 1000, "latency-gold")))
        job("idle_cpu", "idle", lambda b: operation.idle(b, "idle"))
        if kind == "kafka":
            job("memory_share", None, lambda b: operation.memory(b, "memory"))
    if kind == "kafka":
        for rate in (1000, 20000):
            topic = f"latency-go-{rate}"
            job(f"latency_go_{rate}", topic, lambda b, r=rate, t=topic: p99(operation.latency_go(b, r, t)))
    if session.server.has_dataplat and kind == "mock":
        # Stopping kills the broker at last, so it comes last.
        for name, dead in (("stop_up", False), ("stop_dead", True)):
            job(name, None, lambda b, d=dead: {"value": operation.stop_time(b, d)})
    if not jobs:
        return
    warm_topic = "latency-warm"
    warm = kind == "kafka" and session.server.has_dataplat and any(n.startswith("latency") for n, _ in jobs)
    if warm:
        topics[warm_topic] = operation.LATENCY_PARTITIONS
    broker = session.open_broker(kind)
    stop_topic = {"bench": broker.partitions(session.o.rows)}
    try:
        session.start(broker, {**topics, **stop_topic})
        b = session.bench(broker, "bench")
        if any(n.startswith("stop") for n, _ in jobs):
            fill(b.tools, broker, "bench", session.o.rows, stop_topic["bench"])
        if warm:
            # A JVM that was just started keeps its first clients waiting.
            try:
                operation.latency(b, 1000, warm_topic)
            except Exception:
                traceback.print_exc()
        for name, call in jobs:
            try:
                out = call(b)
            except Exception as e:
                results.skip(name, str(e).splitlines()[0])
                traceback.print_exc()
                continue
            results.add_figure(name, out.pop("value"), out)
            print(f"  {kind}: {name} {results.figures[name][-1]}", flush=True)
    finally:
        broker.stop()


def p99(out):
    if out["missed"]:
        raise RuntimeError(f"{out['missed']} messages never became visible")
    if out["unseen"] > out["rows"] / 200:
        raise RuntimeError(f"the reader did not notice {out['unseen']} rows, too many for a p99")
    return {"value": out["p99_ms"], **out}


def silver_and_gold(session, results):
    """Runs of pipelines beside the same SQL by hand; no broker is needed."""
    names = ("silver_upsert", "gold_additive", "join_enrich")
    if not session.server.has_dataplat or not any(session.wanted(n) for n in names):
        return
    try:
        pipelines.everything(session.server, results, session.o.rows, session.wanted)
    except Exception as e:
        results.skip("pipelines", str(e).splitlines()[0])
        traceback.print_exc()
    for name in (*names, "gold_growth", "join_customers"):
        print(f"  {name} {results.figures.get(name)}", flush=True)


def rules(session, results):
    """Rules and profiles, beside the whole table and beside Great Expectations; no broker is needed."""
    names = ("rules_20", "rules_gx", "rules_incremental", "profile_incremental")
    if not session.server.has_dataplat or not any(session.wanted(n) for n in names):
        return
    try:
        states.everything(session.server, results, 10 * session.o.rows, session.wanted, session.o.gx_python)
    except Exception as e:
        results.skip("rules", str(e).splitlines()[0])
        traceback.print_exc()
    for name in (*names, "profile"):
        print(f"  {name} {results.figures.get(name)}", flush=True)


def json_builder(session, results):
    """Our jsonb builder against jsonb_in, in one backend, when the build offers the comparison."""
    s = session.server
    if not session.wanted("json_builder") or not s.has_dataplat:
        return
    if not s.value("SELECT 1 FROM pg_proc WHERE proname = 'bench_json' AND pronamespace = 'dataplat_internal'::regnamespace"):
        results.skip("json_builder", "dataplat_internal.bench_json is not there")
        return
    for _ in range(session.o.rounds):
        for name, doc in (("json_builder", FLAT), ("json_builder_nested", NESTED)):
            ours, server = (float(s.value(f"SELECT dataplat_internal.bench_json($j${doc}$j$, 100000, {which})"))
                            for which in ("false", "true"))
            results.add_figure(name, server / ours, {"ours_ns": ours, "jsonb_in_ns": server, "bytes": len(doc)})


FLAT = json.dumps({"order_id": 1096003, "customer_id": 43693, "status": "packed", "amount": 116.14, "currency": "EUR",
                   "quantity": 4, "sku": "SKU-019916", "email": "u43693@example.com",
                   "updated_at": "2026-01-15T05:32:00Z", "paid": False}, separators=(",", ":"))
NESTED = json.dumps({"order_id": 1096003, "customer": {"id": 43693, "name": "Ana \u00d6zil", "tags": ["new", "vip", "eu"]},
                     "items": [{"sku": f"SKU-{n:06}", "quantity": n % 5 + 1, "price": 10.5 + n, "note": None,
                                "attributes": {"colour": "blue", "size": "M"}} for n in range(9)],
                     "total": 1234.56, "paid": True}, separators=(",", ":"))


def sustained(session, results):
    """At least ten gigabytes without a pause, against COPY BINARY of as many."""
    o = session.o
    broker = session.open_broker("kafka")
    message = 200
    o.rows = int(o.gigabytes * 1e9 / message)
    chunk = 1_000_000
    try:
        session.start(broker, {})
        print(f"  filling the topic with {o.rows:,} messages", flush=True)
        b = session.bench(broker, "sustained-file")
        fill(b.tools, broker, "sustained-file", chunk, 8)
        b.rows = chunk
        peers.make_files(b)
        b.offset_sum = None
        fill(b.tools, broker, "sustained", o.rows, 8)
        b.topic, b.rows = "sustained", o.rows
        # Unmeasured: whoever runs first makes the segments of WAL that all others use again, and maps the shared buffers.
        if session.server.has_dataplat:
            peers.dataplat("text")(b)
        for _ in range(o.rounds):
            if session.server.has_dataplat:
                results.add_run("sustained_dp", peers.dataplat("text")(b))
                print(f"  sustained_dp {results.rate('sustained_dp'):,.0f} rows/s", flush=True)
            results.add_run("sustained_copy", sustained_copy(b, o.rows // chunk, chunk))
            print(f"  sustained_copy {results.rate('sustained_copy'):,.0f} rows/s", flush=True)
    finally:
        broker.stop()


def sustained_copy(b, times, chunk):
    peers.fresh(b, "copied", f"{peers.KAFKA_COLUMNS}, value text")
    copy = f"COPY copied FROM '{b.files}/text.bin' (FORMAT binary);\n"
    start = b.server.value("SELECT extract(epoch FROM clock_timestamp());\n" + copy * times)
    b.rows = times * chunk
    return b.finish("copied", float(start))


def main():
    o = options()
    # A stop from outside must still end server and brokers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    session = Session(o)
    brokers = ["mock", "kafka"] if o.broker == "both" else [o.broker]
    done = []
    try:
        session.server.start()
        about = {"commit": commit(ROOT), "postgresql": session.server.version, "rows": o.rows, "rounds": o.rounds}
        if o.what == "sustained":
            results = Results(os.path.join(ROOT, "build/bench/sustained.json"), {**about, "broker": "kafka"})
            done.append(results)
            sustained(session, results)
        else:
            for kind in brokers:
                results = Results(os.path.join(ROOT, f"build/bench/{kind}.json"), {**about, "broker": kind})
                done.append(results)
                why = session.open_broker(kind).available()
                if why:
                    results.skip(kind, why)
                    continue
                rates(session, results, kind)
                figures(session, results, kind)
                if kind == brokers[0]:
                    json_builder(session, results)
                    silver_and_gold(session, results)
                    rules(session, results)
    finally:
        for results in done:
            print(f"\n==== {results.about['broker']} broker, {o.rows:,} rows")
            results.save()
            results.show()
        session.server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
