"""Kafka Connect with Debezium's JDBC sink, set up as well as its options allow.

A standalone worker in a JVM of its own, one task, its jars from Maven.  Text
values come as strings, are put into a struct of one field, and partition and
offset are added.  The table has no key: each row is new.  Rows are inserted
with unnest(), the fastest way that the sink has.
"""

import os
import subprocess
import time

from broker import wait_until
from server import cpu_seconds

KAFKA = "4.1.1"
DEBEZIUM = "3.5.0.Final"

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dataplat.test</groupId><artifactId>connect</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-json</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>connect-transforms</artifactId><version>{KAFKA}</version></dependency>
    <dependency><groupId>io.debezium</groupId><artifactId>debezium-connector-jdbc</artifactId><version>{DEBEZIUM}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

WORKER = """bootstrap.servers={bootstrap}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename={home}/offsets
offset.flush.interval.ms=60000
plugin.discovery=service_load
listeners=HTTP://127.0.0.1:0
consumer.auto.offset.reset=earliest
consumer.max.poll.records=10000
consumer.fetch.min.bytes=1048576
consumer.max.partition.fetch.bytes=4194304
consumer.fetch.max.bytes=52428800
"""

SINK = """name=bench-{run}
connector.class=io.debezium.connector.jdbc.JdbcSinkConnector
tasks.max=1
topics={topic}
connection.url=jdbc:postgresql://127.0.0.1:{port}/bench?reWriteBatchedInserts=true
connection.username={user}
connection.password=none
insert.mode=insert
schema.evolution=none
primary.key.mode=none
collection.name.format={table}
batch.size=10000
dialect.postgres.unnest.insert.enabled=true
use.time.zone=UTC
transforms=hoist,place
transforms.hoist.type=org.apache.kafka.connect.transforms.HoistField$Value
transforms.hoist.field=value
transforms.place.type=org.apache.kafka.connect.transforms.InsertField$Value
transforms.place.partition.field=_partition
transforms.place.offset.field=_offset
"""


def fetch(home):
    """The jars, once; they stay in `home`."""
    libs = os.path.join(home, f"connect-{KAFKA}-{DEBEZIUM}")
    if os.path.exists(os.path.join(libs, "ok")):
        return libs
    os.makedirs(libs, exist_ok=True)
    with open(os.path.join(libs, "pom.xml"), "w") as f:
        f.write(POM)
    subprocess.run(["mvn", "-B", "-q", "-Dstyle.color=never", "-f", os.path.join(libs, "pom.xml"),
                    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
                    "-DincludeScope=runtime", f"-DoutputDirectory={libs}"], check=True, stdin=subprocess.DEVNULL)
    open(os.path.join(libs, "ok"), "w").close()
    return libs


def connect(b):
    """One run, from the start of the JVM; the rate counts from the first commit."""
    libs = fetch(os.path.join(os.path.dirname(b.tools), "jars"))
    s = b.server
    run = str(time.time_ns())
    home = os.path.join(b.files, f"connect-{run}")
    os.makedirs(home)
    s.sql("DROP TABLE IF EXISTS connected; CREATE TABLE connected (_partition int, _offset bigint, value text)")
    s.sql("CHECKPOINT")
    known = {"bootstrap": b.broker.bootstrap, "home": home, "run": run, "topic": b.topic, "port": s.port, "user": s.user(),
             "table": "connected"}
    for name, text in (("worker", WORKER), ("sink", SINK)):
        with open(os.path.join(home, f"{name}.properties"), "w") as f:
            f.write(text.format(**known))
    start = time.time()
    with open(os.path.join(home, "log"), "w") as log:
        jvm = subprocess.Popen(
            ["java", "-Xms512m", "-Xmx1g", "-XX:+UseParallelGC", "-XX:-UsePerfData", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libs}/*",
             "org.apache.kafka.connect.cli.ConnectStandalone", f"{home}/worker.properties", f"{home}/sink.properties"],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        def done():
            if jvm.poll() is not None or "Task is being killed" in tail(home):
                raise RuntimeError(f"Kafka Connect gave up: {tail(home)}")
            return int(s.value("SELECT n_tup_ins FROM pg_stat_all_tables WHERE relname = 'connected'")) >= b.rows
        wait_until(done, 600, "Kafka Connect", 1)
        cpu = cpu_seconds(jvm.pid)
    except Exception:
        print(tail(home))
        raise
    finally:
        jvm.terminate()
        jvm.wait()
    return b.finish("connected", start, cpu)


def tail(home):
    with open(os.path.join(home, "log")) as f:
        return "".join(line for line in f.readlines() if "ERROR" in line or "Exception" in line)[-3000:]
