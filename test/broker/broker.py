#!/usr/bin/env python3
"""A Kafka broker that does what a script says, good or evil.

One node, plain sockets, no disk.  It speaks enough of the protocol for a
consumer that assigns partitions by itself.  Commands come as JSON lines on
standard input, each is answered by one JSON line; README.md lists them.

The log of a partition is a list of record batches, encoded when they are
fetched.  So a test decides on every offset, marker and checksum.  All chance
comes from the seed: the n-th request of a kind always meets the same fate.
"""
import asyncio
import itertools
import json
import random
import socket
import struct
import sys

FETCH, LIST_OFFSETS, METADATA, COMMIT, COMMITTED, COORDINATOR, VERSIONS = 1, 2, 3, 8, 9, 10, 18

# Name and versions by key.  What is answered by closing the connection is
# offered, too: a client that sends it is seen in the request log.
APIS = {
    0: ("Produce", 0, 7), FETCH: ("Fetch", 4, 11), LIST_OFFSETS: ("ListOffsets", 0, 2),
    METADATA: ("Metadata", 0, 4), COMMIT: ("OffsetCommit", 0, 7), COMMITTED: ("OffsetFetch", 0, 5),
    COORDINATOR: ("FindCoordinator", 0, 2), 11: ("JoinGroup", 0, 5), 12: ("Heartbeat", 0, 3),
    13: ("LeaveGroup", 0, 2), 14: ("SyncGroup", 0, 3), VERSIONS: ("ApiVersions", 0, 3),
}

OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC = 1, 3
EARLIEST, LATEST = -2, -1
TRANSACTIONAL, CONTROL = 0x10, 0x20
NODE, EPOCH = 1, 0
TIME = 1_600_000_000_000

# Where fields of an encoded batch lie, and their format.
BATCH_FIELDS = {"batch_length": (8, ">i"), "magic": (16, ">b"), "attributes": (21, ">h"),
                "last_delta": (23, ">i"), "record_count": (57, ">i")}
BATCH_HEADER = 61


def crc_table():
    for n in range(256):
        for _ in range(8):
            n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)
        yield n


CRC_TABLE = list(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def varint(n):
    """A zigzag varint."""
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n & ~0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


class Reader:
    """The fields of a request, in their order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, fmt):
        value, = struct.unpack_from(fmt, self.data, self.at)
        self.at += struct.calcsize(fmt)
        return value

    def i8(self):
        return self.take(">b")

    def i16(self):
        return self.take(">h")

    def i32(self):
        return self.take(">i")

    def i64(self):
        return self.take(">q")

    def string(self):
        n = self.i16()
        if n < 0:
            return None
        self.at += n
        return self.data[self.at - n:self.at].decode()

    def array(self, item):
        n = self.i32()
        return None if n < 0 else [item() for _ in range(n)]


def i8(n):
    return struct.pack(">b", n)


def i16(n):
    return struct.pack(">h", n)


def i32(n):
    return struct.pack(">i", n)


def i64(n):
    return struct.pack(">q", n)


def string(s):
    return i16(-1) if s is None else i16(len(s.encode())) + s.encode()


def array(items):
    items = list(items)
    return i32(len(items)) + b"".join(items)


def by_topic(pairs, item):
    """An array of topics, each with its array of partitions, from (topic, x)."""
    topics = {}
    for topic, x in pairs:
        topics.setdefault(topic, []).append(item(topic, x))
    return array(string(t) + array(items) for t, items in topics.items())


class Batch:
    """Records that were written together; deltas are relative to base."""

    def __init__(self, base, records, last_delta, pid=-1, attributes=0):
        self.base, self.records, self.last_delta = base, records, last_delta
        self.pid, self.attributes = pid, attributes
        self.bad_crc = False

    @property
    def last(self):
        return self.base + self.last_delta

    def encode(self):
        body = []
        for delta, time, key, value in self.records:
            record = i8(0) + varint(time - TIME) + varint(delta)
            for part in (key, value):
                record += varint(-1) if part is None else varint(len(part)) + part
            record += varint(0)
            body.append(varint(len(record)) + record)
        times = [r[1] for r in self.records] or [TIME]
        tail = struct.pack(">hiqqqhii", self.attributes, self.last_delta, TIME, max(times),
                           self.pid, 0 if self.pid >= 0 else -1, -1, len(body)) + b"".join(body)
        head = i64(self.base) + i32(9 + len(tail)) + i32(EPOCH) + i8(2)
        return head + struct.pack(">I", crc32c(tail) ^ self.bad_crc) + tail


def mangle(data, rule):
    """Spoil the first batch; what lies behind the checksum gets a right one."""
    what, value = rule["what"], rule.get("value", -1)
    data = bytearray(data)
    if what == "crc":
        data[17] ^= 0xFF
    elif what == "cut":
        return bytes(data[:value if value >= 0 else len(data) // 2])
    elif what == "noise":
        noise = random.Random(value)
        for n in range(BATCH_HEADER, len(data)):
            data[n] = noise.randrange(256)
    elif what == "record_length":
        data[BATCH_HEADER:BATCH_HEADER + 1] = varint(value)
    else:
        at, fmt = BATCH_FIELDS[what]
        struct.pack_into(fmt, data, at, value)
    end = 12 + struct.unpack_from(">i", data, 8)[0]
    if what != "crc" and BATCH_HEADER <= end <= len(data) + 16:
        struct.pack_into(">I", data, 17, crc32c(data[21:end]))
    return bytes(data)


class Partition:
    def __init__(self):
        self.batches = []
        self.start = self.end = 0
        self.frozen = None          # last stable offset that a test has set
        self.open = {}              # producer -> first offset of its transaction
        self.aborted = []           # (producer, first offset, offset of the marker)

    @property
    def stable(self):
        return min([self.end] + list(self.open.values()) + ([] if self.frozen is None else [self.frozen]))

    def append(self, records, last_delta, pid=-1, attributes=0):
        batch = Batch(self.end, records, last_delta, pid, attributes)
        if attributes == TRANSACTIONAL:
            self.open.setdefault(pid, batch.base)
        self.batches.append(batch)
        self.end = batch.last + 1
        return batch

    def end_transaction(self, pid, commit):
        marker = struct.pack(">hh", 0, 1 if commit else 0)
        batch = self.append([(0, TIME, marker, struct.pack(">hi", 0, 0))], 0, pid, TRANSACTIONAL | CONTROL)
        first = self.open.pop(pid, batch.base)
        if not commit:
            self.aborted.append((pid, first, batch.base))

    def drop(self, gone):
        """Compaction: records vanish, the offsets of their batches stay."""
        for batch in self.batches:
            batch.records = [r for r in batch.records if batch.base + r[0] not in gone]
        self.batches = [b for b in self.batches if b.records]

    def truncate(self, end):
        """What an unclean election leaves: batches from this offset on are gone."""
        for batch in self.batches:
            batch.records = [r for r in batch.records if batch.base + r[0] < end]
            batch.last_delta = min(batch.last_delta, end - 1 - batch.base)
        self.batches = [b for b in self.batches if b.base < end]
        self.end = min(self.end, end)
        self.open = {p: o for p, o in self.open.items() if o < end}
        self.aborted = [a for a in self.aborted if a[2] < end]

    def read(self, offset, limit, committed):
        """Batches from that offset, the first one even when it is too large."""
        end = self.stable if committed else self.end
        data, last = b"", offset
        for batch in self.batches:
            if batch.last < max(offset, self.start) or batch.last >= end:
                continue
            encoded = batch.encode()
            if data and len(data) + len(encoded) > limit:
                break
            data += encoded
            last = batch.last
        aborted = [a for a in self.aborted if a[1] <= last and a[2] >= offset] if committed else []
        return data, aborted


class Broker:
    def __init__(self, seed):
        self.seed = seed
        self.topics = {}
        self.committed = {}         # (group, topic, partition) -> (offset, metadata)
        self.rules = []
        self.requests = []
        self.chance = {}            # one source of chance for each kind of request
        self.throttle = 0
        self.port = 0
        self.advertised = None
        self.connections = itertools.count(1)
        self.open = set()
        self.changed = asyncio.Event()

    # ---------------------------------------------------------- commands

    def partition(self, c):
        return self.topics[c["topic"]][c.get("partition", 0)]

    def do_topic(self, c):
        """Create it, or give it this number of partitions, fewer too."""
        parts = self.topics.setdefault(c["topic"], [])
        n = c.get("partitions", 1)
        del parts[n:]
        parts.extend(Partition() for _ in range(n - len(parts)))

    def do_delete(self, c):
        """With the offsets that groups have committed, as Kafka does."""
        self.topics.pop(c["topic"], None)
        self.committed = {k: v for k, v in self.committed.items() if k[1] != c["topic"]}

    def do_append(self, c):
        """values, or count generated ones; offsets: where they stand, with gaps."""
        p = self.partition(c)
        values = c.get("values") or [json.dumps({"n": n, "of": c.get("of", "")})
                                     for n in range(p.end, p.end + c["count"])]
        size = c.get("batch", len(values))
        for at in range(0, len(values), size):
            part = values[at:at + size]
            deltas = c.get("deltas", range(len(part)))
            records = [(d, TIME + c.get("time", 0) + p.end + d, None, None if v is None else v.encode())
                       for d, v in zip(deltas, part)]
            batch = p.append(records, max(c.get("last_delta", 0), records[-1][0]), c.get("pid", -1),
                             TRANSACTIONAL if "pid" in c else 0)
            batch.bad_crc = bool(c.get("bad_crc"))
        return {"end": p.end}

    def do_mend(self, c):
        for batch in self.partition(c).batches:
            batch.bad_crc = False

    def do_end_transaction(self, c):
        self.partition(c).end_transaction(c["pid"], c["commit"])

    def do_drop(self, c):
        self.partition(c).drop(set(c["offsets"]))

    def do_log_start(self, c):
        p = self.partition(c)
        p.start = c["offset"]
        p.batches = [b for b in p.batches if b.last >= p.start]

    def do_truncate(self, c):
        self.partition(c).truncate(c["offset"])

    def do_freeze(self, c):
        """The last stable offset stays here, or moves again (null)."""
        self.partition(c).frozen = c["offset"]

    def do_rule(self, c):
        self.rules.append(dict(c, seen=0, hits=0))

    def do_clear(self, c):
        hits = sum(r["hits"] for r in self.rules)
        self.rules = []
        return {"hits": hits}

    def do_throttle(self, c):
        self.throttle = c["ms"]

    def do_advertise(self, c):
        self.advertised = (c["host"], c["port"])

    def do_forget_group(self, c):
        self.committed = {}

    def do_disconnect(self, c):
        for writer in self.open:
            writer.transport.abort()

    def do_state(self, c):
        """Counts of requests and rule hits, and what groups have committed."""
        counts = {}
        for r in self.requests:
            counts[r["api"]] = counts.get(r["api"], 0) + 1
        return {"counts": counts, "hits": sum(r["hits"] for r in self.rules),
                "committed": [{"group": g, "topic": t, "partition": p, "offset": o, "metadata": m}
                              for (g, t, p), (o, m) in sorted(self.committed.items())]}

    def do_requests(self, c):
        return {"requests": [r for r in self.requests if c.get("api") in (None, r["api"])]}

    def command(self, line):
        c = json.loads(line)
        answer = getattr(self, "do_" + c["do"])(c) or {}
        self.changed.set()
        self.changed = asyncio.Event()
        return dict(answer, ok=True)

    # ------------------------------------------------------------- rules

    def fate(self, api):
        """The first rule that wants this request, or none."""
        dice = self.chance.setdefault(api, random.Random(f"{self.seed} {api}")).random()
        for rule in self.rules:
            if rule["api"] not in ("*", api):
                continue
            rule["seen"] += 1
            if rule["seen"] <= rule.get("skip", 0) or dice >= rule.get("probability", 1):
                continue
            if rule.get("count") is not None and rule["hits"] >= rule["count"]:
                continue
            rule["hits"] += 1
            return rule
        return None

    # ---------------------------------------------------------- requests

    def host(self):
        host, port = self.advertised or ("127.0.0.1", self.port)
        return i32(NODE) + string(host) + i32(port)

    def versions(self, r, v, note, fate):
        error = fate.get("code", 0)
        if v >= 3:
            items = b"".join(i16(k) + i16(lo) + i16(hi) + b"\0" for k, (_, lo, hi) in APIS.items())
            return i16(error) + bytes([len(APIS) + 1]) + items + i32(0) + b"\0"
        items = array(i16(k) + i16(lo) + i16(hi) for k, (_, lo, hi) in APIS.items())
        return i16(error) + items + (i32(0) if v >= 1 else b"")

    def metadata(self, r, v, note, fate):
        wanted = r.array(r.string)
        if wanted is None or (v == 0 and not wanted):
            wanted = list(self.topics)
        note["topics"] = wanted

        def topic(name):
            parts = self.topics.get(name)
            error = fate.get("code", 0 if parts is not None else UNKNOWN_TOPIC)
            items = (i16(0) + i32(n) + i32(NODE) + array([i32(NODE)]) * 2
                     for n in range(0 if error else len(parts)))
            return i16(error) + string(name) + (i8(0) if v >= 1 else b"") + array(items)

        return ((i32(self.throttle) if v >= 3 else b"") +
                array([self.host() + (string(None) if v >= 1 else b"")]) +
                (string("scripted") if v >= 2 else b"") + (i32(NODE) if v >= 1 else b"") +
                array(topic(t) for t in wanted))

    def find(self, topic, n):
        parts = self.topics.get(topic, [])
        return parts[n] if n < len(parts) else None

    def list_offsets(self, r, v, note, fate):
        r.i32()
        committed = v >= 2 and r.i8() == 1
        asked = []

        def partition(topic):
            asked.append((topic, (r.i32(), r.i64(), r.i32() if v == 0 else None)))

        def topic():
            name = r.string()
            r.array(lambda: partition(name))

        r.array(topic)
        note["topics"] = [t for t, _ in asked]

        def answer(topic, x):
            n, time, _ = x
            p = self.find(topic, n)
            error = fate.get("code", 0 if p else UNKNOWN_TOPIC)
            offset = -1
            if not error and time == EARLIEST:
                offset = p.start
            elif not error and time == LATEST:
                offset = p.stable if committed else p.end
            elif not error:
                found = [b.base + d for b in p.batches for d, at, _, _ in b.records if at >= time]
                offset = found[0] if found else -1
            return i32(n) + i16(error) + (array([i64(offset)]) if v == 0 else i64(-1) + i64(offset))

        return (i32(self.throttle) if v >= 2 else b"") + by_topic(asked, answer)

    async def fetch(self, r, v, note, fate):
        r.i32()
        wait, least, most, committed = r.i32(), r.i32(), r.i32(), r.i8() == 1
        if v >= 7:
            r.i32(), r.i32()
        asked = []

        def partition(topic):
            n = r.i32()
            if v >= 9:
                r.i32()
            offset = r.i64()
            if v >= 5:
                r.i64()
            asked.append((topic, (n, offset, r.i32())))

        def topic():
            name = r.string()
            r.array(lambda: partition(name))

        r.array(topic)
        note["topics"] = [t for t, _ in asked]
        note["offsets"] = [{"topic": t, "partition": x[0], "offset": x[1]} for t, x in asked]

        def answers():
            left = most
            for topic, (n, offset, limit) in asked:
                p = self.find(topic, n)
                error, data, aborted = fate.get("code", 0 if p else UNKNOWN_TOPIC), b"", []
                if not error and not p.start <= offset <= p.end:
                    error = OFFSET_OUT_OF_RANGE
                if not error:
                    data, aborted = p.read(offset, min(left, limit), committed)
                    left = max(1, left - len(data))
                yield topic, (n, error, p, data, aborted)

        loop = asyncio.get_running_loop()
        until = loop.time() + wait / 1000
        found = list(answers())
        while not any(x[1] or x[3] for _, x in found) and loop.time() < until:
            try:
                await asyncio.wait_for(self.changed.wait(), until - loop.time())
            except asyncio.TimeoutError:
                pass
            found = list(answers())

        def answer(topic, x):
            n, error, p, data, aborted = x
            size = len(data)
            if data and fate.get("action") == "mangle":
                if fate["what"] == "size":
                    size = fate["value"]
                else:
                    data = mangle(data, fate)
                    size = len(data)
            ends = (-1, -1, -1) if error else (p.end, p.stable, p.start)
            return (i32(n) + i16(error) + i64(ends[0]) + i64(ends[1]) + (i64(ends[2]) if v >= 5 else b"") +
                    array(i64(pid) + i64(first) for pid, first, _ in aborted) +
                    (i32(-1) if v >= 11 else b"") + i32(size) + data)

        return i32(self.throttle) + (i16(0) + i32(0) if v >= 7 else b"") + by_topic(found, answer)

    def find_coordinator(self, r, v, note, fate):
        note["group"] = r.string()
        error = fate.get("code", 0)
        host = i32(-1) + string("") + i32(-1) if error else self.host()
        return ((i32(self.throttle) if v >= 1 else b"") + i16(error) +
                (string(None) if v >= 1 else b"") + host)

    def commit(self, r, v, note, fate):
        note["group"] = r.string()
        if v >= 1:
            note["generation"], note["member"] = r.i32(), r.string()
        if v >= 7:
            r.string()
        if 2 <= v <= 4:
            r.i64()
        told = []

        def partition(topic):
            n, offset = r.i32(), r.i64()
            if v >= 6:
                r.i32()
            elif v == 1:
                r.i64()
            told.append((topic, (n, offset, r.string())))

        def topic():
            name = r.string()
            r.array(lambda: partition(name))

        r.array(topic)
        note["offsets"] = [{"topic": t, "partition": x[0], "offset": x[1]} for t, x in told]

        def answer(topic, x):
            n, offset, metadata = x
            error = fate.get("code", 0 if self.find(topic, n) else UNKNOWN_TOPIC)
            if not error:
                self.committed[note["group"], topic, n] = (offset, metadata)
            return i32(n) + i16(error)

        return (i32(self.throttle) if v >= 3 else b"") + by_topic(told, answer)

    def offset_fetch(self, r, v, note, fate):
        group = note["group"] = r.string()
        asked = []

        def topic():
            name = r.string()
            r.array(lambda: asked.append((name, r.i32())))

        if r.array(topic) is None:
            asked = [(t, n) for g, t, n in self.committed if g == group]
        error = fate.get("code", 0)

        def answer(topic, n):
            offset, metadata = self.committed.get((group, topic, n), (-1, ""))
            return (i32(n) + i64(-1 if error else offset) + (i32(-1) if v >= 5 else b"") +
                    string(metadata) + i16(error))

        return ((i32(self.throttle) if v >= 3 else b"") + by_topic(asked, answer) +
                (i16(error) if v >= 2 else b""))

    HANDLERS = {VERSIONS: versions, METADATA: metadata, LIST_OFFSETS: list_offsets, FETCH: fetch,
                COORDINATOR: find_coordinator, COMMIT: commit, COMMITTED: offset_fetch}

    # ------------------------------------------------------- connections

    async def answer(self, data, connection):
        """The reply to a request, or None to close, and the rule it met."""
        r = Reader(data)
        key, v, correlation = r.i16(), r.i16(), r.take(">I")
        name, lo, hi = APIS.get(key, (f"Unknown{key}", 1, 0))
        note = {"n": len(self.requests), "api": name, "version": v, "connection": connection}
        self.requests.append(note)
        rule = self.fate(name) or {}
        if rule:
            note["rule"] = rule["action"]
        if key not in self.HANDLERS or not lo <= v <= hi:
            note["refused"] = True
            return None, rule
        r.string()
        body = self.HANDLERS[key](self, r, v, note, rule if rule.get("action") in ("error", "mangle") else {})
        if asyncio.iscoroutine(body):
            body = await body
        if rule.get("action") == "correlation":
            correlation ^= 0x40000000
        reply = struct.pack(">I", correlation) + body
        size = rule["value"] if rule.get("action") == "frame" else len(reply)
        return i32(size) + reply, rule

    async def serve(self, reader, writer):
        connection = next(self.connections)
        self.open.add(writer)
        try:
            while True:
                size, = struct.unpack(">i", await reader.readexactly(4))
                reply, rule = await self.answer(await reader.readexactly(size), connection)
                action = rule.get("action")
                if action == "delay":
                    await asyncio.sleep(rule["ms"] / 1000)
                elif action == "silence":
                    continue
                elif action == "reset":
                    writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    writer.transport.abort()
                    break
                elif action == "half":
                    reply = reply[:len(reply) // 2]
                if reply is None or action == "close":
                    break
                writer.write(reply)
                await writer.drain()
                if action == "half":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()


async def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    broker = Broker(seed)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    print(json.dumps({"ok": True, "bootstrap": f"127.0.0.1:{broker.port}", "seed": seed}), flush=True)

    commands = asyncio.StreamReader(limit=16 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        try:
            answer = broker.command(line)
        except Exception as e:      # whatever is wrong with a command, its sender must hear of it
            answer = {"ok": False, "error": f"{type(e).__name__}: {e}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
