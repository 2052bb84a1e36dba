"""What users of Confluent's Python client do, against the HTTP worker.

    registry.py URL USER:PASSWORD [BOOTSTRAP TOPIC_PREFIX]

Prints "ok - what" for each step; ends with an exception where the client does
not get what it expects.  With a broker, messages go round through Kafka; their
topics are then TOPIC_PREFIX with -avro, -json and -protobuf.
"""
import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel, Metadata, MetadataProperties, SchemaRegistryClient, Schema, SchemaReference, ServerConfig,
    header_schema_id_serializer)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

url, user = sys.argv[1:3]
broker = sys.argv[3:5]
conf = {"url": url, "basic.auth.user.info": user, "max.retries": 0}


def ok(what):
    print("ok -", what, flush=True)


def client():
    """A new one, which has nothing in its caches."""
    return SchemaRegistryClient(conf)


def refused(call, status, code):
    try:
        call()
    except SchemaRegistryError as e:
        assert (e.http_status_code, e.error_code) == (status, code), e
        return
    raise AssertionError(f"{status} {code} was expected")


def avro(*fields):
    return json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": list(fields)})


ID = {"name": "id", "type": "long"}
AMOUNT = {"name": "amount", "type": {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}, "default": "\u0000"}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}
BAD = {"name": "must", "type": "string"}


# ------------------------------------------------------------------ the registry's own questions

def subjects_and_versions():
    c = client()
    first = c.register_schema_full_response("py-orders", Schema(avro(ID), "AVRO"))
    assert first.schema_id == c.register_schema("py-orders", Schema(avro(ID), "AVRO"))
    again = client().register_schema("py-orders-copy", Schema(avro(ID), "AVRO"))
    assert again == first.schema_id, (again, first.schema_id)
    ok("the same content has the same id, in another subject, too")

    second = c.register_schema("py-orders", Schema(avro(ID, NOTE), "AVRO"))
    assert second != first.schema_id and c.get_versions("py-orders") == [1, 2]
    ok("a compatible schema is the next version")

    bad = Schema(avro(ID, BAD), "AVRO")
    refused(lambda: client().register_schema("py-orders", bad), 409, 40901)
    assert c.test_compatibility("py-orders", bad) is False
    assert c.test_compatibility("py-orders", Schema(avro(ID, NOTE, AMOUNT), "AVRO")) is True
    assert c.test_compatibility_all_versions("py-orders", bad) is False
    ok("an incompatible one is refused: 409, 40901")

    latest = client().get_latest_version("py-orders")
    assert (latest.version, latest.schema_id, latest.subject) == (2, second, "py-orders")
    assert json.loads(latest.schema.schema_str) == json.loads(avro(ID, NOTE))
    found = client().lookup_schema("py-orders", Schema(avro(ID), "AVRO"))
    assert (found.version, found.schema_id) == (1, first.schema_id)
    assert client().get_version("py-orders", 1).schema_id == first.schema_id
    by_id = client().get_schema(first.schema_id)
    assert json.loads(by_id.schema_str) == json.loads(avro(ID))
    assert json.loads(client().get_schema_by_guid(latest.guid).schema_str) == json.loads(avro(ID, NOTE))
    assert sorted(c.get_subjects_by_schema_id(first.schema_id)) == ["py-orders", "py-orders-copy"]
    assert {(v.subject, v.version) for v in c.get_schema_versions(first.schema_id)} == {("py-orders", 1), ("py-orders-copy", 1)}
    assert {"py-orders", "py-orders-copy"} <= set(c.get_subjects())
    assert sorted(c.get_schema_types()) == ["AVRO", "JSON", "PROTOBUF"]
    assert c.get_contexts() == ["."]
    ok("schemas are found by version, content, id and GUID")

    refused(lambda: client().get_schema(999999), 404, 40403)
    refused(lambda: client().get_latest_version("py-nothing"), 404, 40401)
    refused(lambda: client().get_version("py-orders", 77), 404, 40402)
    refused(lambda: client().lookup_schema("py-orders", Schema(avro(ID, AMOUNT), "AVRO")), 404, 40403)
    refused(lambda: client().register_schema("py-x", Schema("{", "AVRO")), 422, 42201)
    refused(lambda: client().register_schema("py-x", Schema(avro(ID), "THRIFT")), 422, 42201)
    ok("what is not there, and what is no schema, has Confluent's codes")


def configuration():
    c = client()
    assert c.set_compatibility("py-orders", "full_transitive") == {"compatibility": "FULL_TRANSITIVE"}
    assert c.get_compatibility("py-orders") == "FULL_TRANSITIVE"
    assert client().get_compatibility() == "BACKWARD"
    c.set_config("py-orders", ServerConfig(compatibility=ConfigCompatibilityLevel.NONE, compatibility_group="major"))
    got = client().get_config("py-orders")
    assert (got.compatibility_level, got.compatibility_group) == (ConfigCompatibilityLevel.NONE, "major"), got
    client().register_schema("py-orders", Schema(avro(ID, BAD), "AVRO"))
    c.delete_config("py-orders")
    refused(lambda: client().set_compatibility("py-orders", "SOMETIMES"), 422, 42203)
    ok("levels and configuration of a subject")

    client().update_mode("py-orders", "READONLY")
    assert client().get_mode("py-orders") == "READONLY"
    refused(lambda: client().register_schema("py-orders", Schema(avro(ID, NOTE, AMOUNT), "AVRO")), 422, 42205)
    client().delete_mode("py-orders")
    assert client().get_global_mode() == "READWRITE"
    ok("modes of a subject")


def references():
    c = client()
    c.register_schema("py-address", Schema(json.dumps({"type": "record", "name": "Address", "namespace": "shop",
                                                       "fields": [{"name": "city", "type": "string"}]}), "AVRO"))
    customer = Schema(json.dumps({"type": "record", "name": "Customer", "namespace": "shop",
                                  "fields": [{"name": "home", "type": "shop.Address"}]}), "AVRO",
                      [SchemaReference("shop.Address", "py-address", 1)])
    number = c.register_schema("py-customer", customer)
    assert client().get_referenced_by("py-address", 1) == [number]
    got = client().get_schema(number)
    assert [(r.name, r.subject, r.version) for r in got.references] == [("shop.Address", "py-address", 1)]
    refused(lambda: client().delete_version("py-address", 1), 422, 42206)

    whole = client().get_schema(number, fmt="resolved").schema_str
    assert json.loads(whole)["fields"][0]["type"]["name"] == "Address", whole
    assert client().get_latest_version("py-customer", fmt="resolved").schema.schema_str == whole
    assert client().lookup_schema("py-customer", Schema(whole, "AVRO")).schema_id == number
    assert client().register_schema("py-customer", Schema(whole, "AVRO")) == number
    assert client().get_versions("py-customer") == [1]
    ok("a schema with its references written out is the same")

    serialize = AvroSerializer(client(), customer, conf={"auto.register.schemas": False, "use.latest.version": True})
    where = SerializationContext("py-customer", MessageField.VALUE)
    c.register_schema("py-customer-value", customer)
    data = serialize({"home": {"city": "Köln"}}, where)
    assert AvroDeserializer(client())(data, where) == {"home": {"city": "Köln"}}
    ok("references are kept, protected and used")


def metadata_and_deletes():
    c = client()
    tagged = Schema(avro(ID), "AVRO", metadata=Metadata(tags=None, properties=MetadataProperties({"major": "1"}), sensitive=None))
    c.register_schema("py-tagged", tagged)
    assert client().get_latest_with_metadata("py-tagged", {"major": "1"}).version == 1
    refused(lambda: client().get_latest_with_metadata("py-tagged", {"major": "2"}), 404, 40402)
    ok("schemas are found by their metadata")

    assert c.delete_version("py-orders-copy", 1) == 1
    refused(lambda: client().delete_version("py-orders-copy", 1), 404, 40406)
    assert "py-orders-copy" not in client().get_subjects()
    assert c.delete_version("py-orders-copy", 1, permanent=True) == 1
    assert c.delete_subject("py-tagged") == [1]
    assert client().delete_subject("py-tagged", permanent=True) == [1]
    refused(lambda: client().delete_subject("py-tagged"), 404, 40401)
    ok("versions and subjects are deleted, softly and for good")


def odd_names():
    for name in ("py/with/slash", "py mit Umläuten ö", "py-日本", "py+plus&amp=x?y#z", ":.staging:py-there"):
        number = client().register_schema(name, Schema('"string"', "AVRO"))
        assert client().get_latest_version(name).subject == name, name
        assert client().get_versions(name) == [1], name
        assert number > 0
    assert ".staging" in client().get_contexts()
    ok("subjects with slashes, blanks, other alphabets and contexts")

    big = avro(*({"name": f"field_{i}", "type": ["null", "string"], "default": None, "doc": "x" * 80} for i in range(3500)))
    assert len(big) > 500000
    number = client().register_schema("py-big", Schema(big, "AVRO"))
    assert json.loads(client().get_schema(number, "py-big").schema_str) == json.loads(big)
    ok("a schema of half a megabyte")


# ------------------------------------------------------------------ messages

def protobuf_class(package, fields):
    """A message class without a compiler: number, name and type of each field."""
    f = descriptor_pb2.FileDescriptorProto(name=f"{package}/event.proto", package=package, syntax="proto3")
    m = f.message_type.add(name="Event")
    for number, name, kind in fields:
        m.field.add(name=name, number=number, type=kind, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(f)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Event"))


def kinds(topic):
    """For each language: subject's topic, serializer, deserializer, values, how to compare."""
    order = avro(ID, NOTE)
    schema = json.dumps({"type": "object", "title": "Order", "properties": {"id": {"type": "integer"}, "note": {"type": "string"}},
                         "required": ["id"], "additionalProperties": False})
    event = protobuf_class("shop", [(1, "id", 3), (2, "note", 9)])
    return [
        (f"{topic}-avro", AvroSerializer(client(), order), AvroDeserializer(client()),
         [{"id": i, "note": None if i % 2 else f"nº {i}"} for i in range(100)], lambda v: v),
        (f"{topic}-json", JSONSerializer(schema, client()), JSONDeserializer(None, schema_registry_client=client()),
         [{"id": i, "note": f"nº {i}"} for i in range(100)], lambda v: v),
        (f"{topic}-protobuf", ProtobufSerializer(event, client(), {"use.deprecated.format": False}),
         ProtobufDeserializer(event, {"use.deprecated.format": False}, client()),
         [event(id=i, note=f"nº {i}") for i in range(100)], lambda v: (v.id, v.note)),
    ]


def round_trips(topic):
    for name, serialize, deserialize, values, key in kinds(topic):
        where = SerializationContext(name, MessageField.VALUE)
        data = [serialize(v, where) for v in values]
        assert all(d[0] == 0 for d in data)
        assert [key(deserialize(d, where)) for d in data] == [key(v) for v in values], name
        ok(f"{name}: 100 messages go there and back")


def headers():
    """The GUID in a header in place of the id in front."""
    serialize = AvroSerializer(client(), avro(ID, NOTE), conf={"schema.id.serializer": header_schema_id_serializer})
    order = {"id": 7, "note": "this client takes no value of less than six bytes"}
    found = []
    where = SerializationContext("py-header", MessageField.VALUE, found)
    data = serialize(order, where)
    assert found[0][0] == "__value_schema_id" and len(found[0][1]) == 17, found
    assert AvroDeserializer(client())(data, SerializationContext("py-header", MessageField.VALUE, found)) == order
    ok("schemas are named by a GUID in a header")


def through_kafka(bootstrap, topic):
    producer = Producer({"bootstrap.servers": bootstrap})
    for name, serialize, deserialize, values, key in kinds(topic):
        where = SerializationContext(name, MessageField.VALUE)
        for v in values:
            producer.produce(name, serialize(v, where), partition=0)
        assert producer.flush(60) == 0
        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "py", "enable.auto.commit": False})
        consumer.assign([TopicPartition(name, 0, 0)])
        got = []
        while len(got) < len(values):
            message = consumer.poll(60)
            assert message is not None and message.error() is None, message and message.error()
            got.append(deserialize(message.value(), where))
        consumer.close()
        assert [key(v) for v in got] == [key(v) for v in values], name
        ok(f"{name}: 100 messages go through Kafka")


subjects_and_versions()
configuration()
references()
metadata_and_deletes()
odd_names()
headers()
round_trips("py-memory")
if broker:
    through_kafka(*broker)
