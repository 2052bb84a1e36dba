"""The bench's message with registered schemas: tools/message_binary.h writes it."""

import json

AVRO = json.dumps({"type": "record", "name": "Order", "namespace": "bench", "fields": [
    {"name": "order_id", "type": "long"}, {"name": "customer_id", "type": "long"}, {"name": "status", "type": "string"},
    {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}},
    {"name": "currency", "type": "string"}, {"name": "quantity", "type": "int"}, {"name": "sku", "type": "string"},
    {"name": "email", "type": "string"}, {"name": "updated_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "paid", "type": "boolean"}]})

PROTOBUF = """syntax = "proto3"; package bench;
message Order { int64 order_id = 1; int64 customer_id = 2; string status = 3; string amount = 4; string currency = 5;
  int32 quantity = 6; string sku = 7; string email = 8; string updated_at = 9; bool paid = 10; }"""

# The topic of each encoding, beside the JSON one.
TOPICS = {"avro": "bench_avro", "protobuf": "bench_protobuf"}


def register(server, encoding):
    text, kind = {"avro": (AVRO, "AVRO"), "protobuf": (PROTOBUF, "PROTOBUF")}[encoding]
    return int(server.value(f"SELECT dataplat.register_schema('{TOPICS[encoding]}-value', $s${text}$s$, '{kind}')"))
