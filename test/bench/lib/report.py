"""The table that the bench prints, and the file that keeps what was measured."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time

# (id, what, run of ours, run to compare with, must, aim): a ratio of rates.
RATIOS = [
    ("text_copy_binary", "text value / COPY BINARY of text", "dp_text", "copy_binary_text", 1.0, 1.3),
    ("bytes_copy_binary", "bytea value / COPY BINARY of bytea", "dp_bytes", "copy_binary_bytea", 1.0, 1.3),
    ("jsonb_copy_binary", "jsonb value / COPY BINARY of jsonb", "dp_jsonb", "copy_binary_jsonb", 2.4, 3.0),
    ("jsonb_kcat", "jsonb value / kcat piped to COPY", "dp_jsonb", "kcat_jsonb", 3.0, 3.7),
    ("text_copy_text", "text value / COPY text", "dp_text", "copy_text", 1.7, 2.4),
    ("text_kcat", "text value / kcat piped to COPY", "dp_text", "kcat_text", 1.8, 2.4),
    ("go_1", "text value / Go consumer, one worker each", "dp_text", "go_1", 1.2, 1.6),
    ("go_2", "text value / Go consumer, two workers each", "dp_text_2", "go_2", 1.3, 1.8),
    ("typed_go", "JSON to typed columns / Go consumer", "dp_typed", "go_typed_1", 2.0, 4.0),
    ("typed_go_2", "the same, two workers each", "dp_typed_2", "go_typed_2", 2.0, 4.0),
    ("typed_copy_binary", "JSON to typed columns / COPY BINARY of them", "dp_typed", "copy_binary_typed", None, None),
    ("avro_copy_binary", "Avro to typed columns / COPY BINARY of them", "dp_avro_typed", "copy_binary_typed", 0.9, 1.2),
    ("avro_jsonb", "Avro to jsonb / COPY BINARY of jsonb", "dp_avro_jsonb", "copy_binary_jsonb", None, None),
    ("protobuf_copy_binary", "Protobuf to typed columns / COPY BINARY of them", "dp_protobuf_typed", "copy_binary_typed", None, None),
    ("protobuf_jsonb", "Protobuf to jsonb / COPY BINARY of jsonb", "dp_protobuf_jsonb", "copy_binary_jsonb", None, None),
    ("jdbc", "text value / JDBC-like client", "dp_text", "jdbc", 6.0, 9.0),
    ("connect", "text value / Kafka Connect with Debezium's JDBC sink", "dp_text", "connect", 8.0, 13.0),
    ("raw", "text value / raw librdkafka consume", "dp_text", "raw", 0.40, 0.55),
    ("sustained_text", "sustained: text value / COPY BINARY", "sustained_dp", "sustained_copy", 1.0, 1.4),
]

# (id, what, unit, must, aim): a figure that must not be above its limit.
LIMITS = [
    ("cpu_per_million", "CPU of the worker for a million messages", "s", 1.2, 0.95),
    ("latency_mock_1000", "produce to visible, p99, 1,000/s, embedded broker", "ms", 40, 20),
    ("latency_mock_20000", "produce to visible, p99, 20,000/s, embedded broker", "ms", 40, 20),
    ("latency_kafka_1000", "produce to visible, p99, 1,000/s, Kafka", "ms", 40, 20),
    ("latency_kafka_20000", "produce to visible, p99, 20,000/s, Kafka", "ms", 40, 20),
    ("latency_go_1000", "the same for the Go consumer, 1,000/s", "ms", None, None),
    ("latency_go_20000", "the same for the Go consumer, 20,000/s", "ms", None, None),
    ("join_customers", "100 customers changed under the orders (pg_ivm: 500 ms)", "ms", 50, 10),
    ("gold_growth", "10,000 rows into an aggregate, ten times the history", "x", 1.2, 1.05),
    ("rules_20", "a run with 20 row rules, of the run without", "x", 1.25, 1.1),
    ("rules_incremental", "rules over a 10,000-row delta, of those over everything", "%", 5, 2),
    ("profile_incremental", "a profile of a 10,000-row delta, of one of everything", "%", None, None),
    ("profile", "a profile of a million rows of five columns", "s", None, None),
    ("latency_gold", "produce to gold through silver, p99, 1,000/s", "ms", 500, 150),
    ("stop_up", "worker stop while it reads", "ms", 500, 100),
    ("stop_dead", "worker stop with the broker dead", "ms", 500, 100),
    ("memory_share", "memory, 200 partitions of 10 MB messages, of fetch_memory", "x", 2.0, None),
    ("idle_cpu", "CPU of 20 idle sources, of one core", "%", 2.0, 0.5),
]

# (id, what, must, aim): a ratio that a measurement already made.
FACTORS = [
    ("json_builder", "jsonb builder / jsonb_in, flat, 200 bytes", 5.0, 7.0),
    ("json_builder_nested", "jsonb builder / jsonb_in, nested, 950 bytes", 5.0, 7.0),
    ("silver_upsert", "silver: upsert of 10,000 messages / ->> and ON CONFLICT", 1.3, 2.2),
    ("gold_additive", "gold: 10,000 orders into hour and status / additive by hand", 0.8, 1.3),
    ("large_additive", "the same over ten times the history", 0.8, 1.3),
    ("join_enrich", "10,000 orders enriched / INSERT ... SELECT by hand", 0.8, 1.2),
    ("join_refresh", "100 customers changed / REFRESH MATERIALIZED VIEW", None, None),
    ("rules_gx", "fifteen rules over ten million rows / Great Expectations", 5.0, 10.0),
    ("end_to_end", "Kafka to gold / kcat, COPY and SQL by hand", 1.3, 2.0),
]


class Results:
    """All samples of a bench, saved after each one so that a stop loses nothing."""

    def __init__(self, path, about):
        self.path = path
        self.about = {"started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": machine(), **about}
        self.runs = {}
        self.figures = {}
        self.skipped = {}

    def add_run(self, name, sample):
        self.runs.setdefault(name, []).append(sample)
        self.save()

    def add_figure(self, name, value, detail=None):
        self.figures.setdefault(name, []).append({"value": value, **(detail or {})})
        self.save()

    def skip(self, name, why):
        self.skipped[name] = why
        self.save()

    def rate(self, name, which="rate"):
        samples = [s[which] for s in self.runs.get(name, []) if s.get(which)]
        return statistics.median(samples) if samples else None

    def figure(self, name):
        samples = [s["value"] for s in self.figures.get(name, [])]
        return statistics.median(samples) if samples else None

    def save(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path + ".new", "w") as f:
            json.dump({"about": self.about, "runs": self.runs, "figures": self.figures, "skipped": self.skipped,
                       "table": self.table()}, f, indent=1)
        os.replace(self.path + ".new", self.path)

    def table(self):
        rows = []
        for key, what, ours, other, must, aim in RATIOS:
            # Round by round, because what ran in the same minute compares best.
            pairs = [a["rate"] / b["rate"] for a, b in zip(self.runs.get(ours, []), self.runs.get(other, []))]
            if pairs:
                v = statistics.median(pairs)
                rows.append({"id": key, "what": what, "measured": v, "rounds": pairs, "unit": "x", "must": must,
                             "aim": aim, "verdict": verdict(v, must, aim, True)})
        for key, what, must, aim in FACTORS:
            v = self.figure(key)
            if v is not None:
                rows.append({"id": key, "what": what, "measured": v, "unit": "x", "must": must, "aim": aim,
                             "verdict": verdict(v, must, aim, True)})
        for key, what, unit, must, aim in LIMITS:
            v = self.figure(key)
            if v is not None:
                rows.append({"id": key, "what": what, "measured": v, "unit": unit, "must": must, "aim": aim,
                             "verdict": verdict(v, must, aim, False)})
        return rows

    def show(self):
        print(f"\n{'run':<22}{'rounds':>7}{'rows/s':>12}{'with start':>12}{'spread':>16}{'CPU s/1M':>10}")
        for name, samples in sorted(self.runs.items()):
            rates = [s["rate"] for s in samples]
            cpu = [s["cpu_per_million"] for s in samples if s.get("cpu_per_million")]
            print(f"{name:<22}{len(samples):>7}{statistics.median(rates):>12,.0f}{self.rate(name, 'wall_rate'):>12,.0f}"
                  f"{min(rates) / 1e3:>8,.0f}k-{max(rates) / 1e3:,.0f}k".ljust(69)
                  + (f"{statistics.median(cpu):>10.2f}" if cpu else ""))
        print(f"\n{'what':<62}{'measured':>10}{'must':>8}{'aim':>8}  verdict")
        for r in self.table():
            sign = "<=" if r["unit"] != "x" or r["id"] in ("memory_share", "gold_growth") else ">="
            show = lambda v: "" if v is None else f"{sign}{v:g}"
            print(f"{r['what']:<62}{r['measured']:>8.2f}{r['unit']:<3}{show(r['must']):>7}{show(r['aim']):>8}  {r['verdict']}")
        for name, why in sorted(self.skipped.items()):
            print(f"not run: {name}: {why}")
        print(f"\nkept in {self.path}")


def verdict(value, must, aim, more_is_better):
    better = (lambda limit: value >= limit) if more_is_better else (lambda limit: value <= limit)
    if must is None:
        return ""
    if not better(must):
        return "BELOW MUST"
    return "aim reached" if aim is not None and better(aim) else "must holds"


def machine():
    with open("/proc/cpuinfo") as f:
        model = next((l.split(":", 1)[1].strip() for l in f if l.startswith("model name")), "unknown")
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) // 1024
    return {"cpu": model, "cores": os.cpu_count(), "memory_mb": memory, "kernel": platform.release(),
            "load": os.getloadavg()[0]}


def commit(root):
    done = subprocess.run(["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def markdown(path):
    """The tables of a kept bench, for docs/performance.md."""
    with open(path) as f:
        kept = json.load(f)
    about = kept["about"]
    m = about["machine"]
    print(f"{about['broker']} broker, {about['rows']:,} rows, {about['rounds']} rounds, commit {about['commit']}, {about['postgresql']}, "
          f"{m['cores']} × {m['cpu']}, load at the start {m['load']:.1f}\n")
    print("| run | rows/s | with start | CPU s for a million |\n|---|---|---|---|")
    for name, samples in kept["runs"].items():
        middle = lambda key: statistics.median(s[key] for s in samples if s.get(key)) if any(s.get(key) for s in samples) else None
        cpu = middle("cpu_per_million")
        print(f"| {name} | {middle('rate'):,.0f} | {middle('wall_rate'):,.0f} | {'' if cpu is None else f'{cpu:.2f}'} |")
    print("\n| what | measured | must | aim | |\n|---|---|---|---|---|")
    for r in kept["table"]:
        show = lambda v: "" if v is None else f"{v:g}"
        print(f"| {r['what']} | {r['measured']:.2f} {r['unit']} | {show(r['must'])} | {show(r['aim'])} | {r['verdict']} |")
    for name, why in kept["skipped"].items():
        print(f"\nNot run: {name}: {why}")


if __name__ == "__main__":
    for path in sys.argv[1:]:
        markdown(path)
        print()
