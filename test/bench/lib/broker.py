"""The two brokers of the bench: librdkafka's mock cluster, and a real Apache Kafka."""

import json
import os
import subprocess
import time


class MockBroker:
    """The stand-alone mock broker of test/tools.

    It keeps only 5 MiB of compressed batches of each partition, so a topic is
    spread over as many partitions as its bytes need.
    """

    name = "mock"

    def __init__(self, place, tool):
        self.tool = tool
        self.process = None
        self.place = place

    def available(self):
        return None if os.access(self.tool, os.X_OK) else f"{self.tool} is not built"

    def start(self, topics):
        self.process = subprocess.Popen([self.tool, *(f"{t}:{n}" for t, n in topics.items())], text=True, cwd=self.place,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.bootstrap = self.process.stdout.readline().split()[-1]
        return self.bootstrap

    def partitions(self, rows):
        return 16 if rows <= 1_000_000 else 64

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    stop = kill


class KafkaBroker:
    """One node of Apache Kafka, started by test/kafka/kafka.sh."""

    name = "kafka"

    def __init__(self, place, script, port):
        self.script = script
        self.bootstrap = f"127.0.0.1:{port}"
        self.env = {"KAFKA_HEAP": "512m", **os.environ, "KAFKA_PORT": str(port), "KAFKA_DATA": os.path.join(place, "kafka")}

    def available(self):
        return None if os.access(self.script, os.X_OK) else f"{self.script} is missing"

    def _run(self, *args):
        done = subprocess.run([self.script, *args], env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f"kafka.sh {args[0]}: {done.stdout}")

    def start(self, topics):
        self._run("install")
        self._run("start")
        return self.bootstrap

    def partitions(self, rows):
        return 8

    def kill(self):
        self._run("kill9")

    def stop(self):
        self._run("wipe")


def fill(tools, broker, topic, rows, partitions, size=0, encoding="json", schema_id=0):
    """Produce the bench's messages; returns what the producer says of them."""
    out = subprocess.check_output([os.path.join(tools, "produce"), "-b", broker.bootstrap, "-t", topic, "-n", str(rows),
                                   "-p", str(partitions), "-s", str(size), "-e", encoding, "-i", str(schema_id)], text=True)
    filled = json.loads(out.splitlines()[-1])
    if rows > 0:
        check_kept(broker, topic, rows)
    return filled


def check_kept(broker, topic, rows):
    """The mock drops old batches without a word: see that all messages are there."""
    out = subprocess.run(["kcat", "-b", broker.bootstrap, "-L", "-J", "-t", topic], capture_output=True, text=True, check=True)
    ids = [p["partition"] for p in json.loads(out.stdout)["topics"][0]["partitions"]]
    query = lambda at: subprocess.check_output(
        ["kcat", "-b", broker.bootstrap, "-Q", *[a for p in ids for a in ("-t", f"{topic}:{p}:{at}")]], text=True,
        stderr=subprocess.DEVNULL)
    number = lambda line: int(line.rsplit("offset", 1)[1])
    low = sum(number(l) for l in query(-2).splitlines())
    high = sum(number(l) for l in query(-1).splitlines())
    if high - low != rows or low != 0:
        raise RuntimeError(f"topic {topic} holds {high - low} of {rows} messages: it needs more partitions")


def wait_until(condition, limit, what, pause=0.02):
    """Wait for a condition, never for a time; the limit is for a hang."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {limit} seconds")
        time.sleep(pause)
