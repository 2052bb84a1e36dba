//! What users of schema_registry_converter do, against the HTTP worker.
//!
//!     dataplat-test-clients URL USER PASSWORD
//!
//! Prints "ok - what" for each step and panics where the client does not get
//! what it expects.
use apache_avro::types::Value;
use schema_registry_converter::blocking::avro::{AvroDecoder, AvroEncoder};
use schema_registry_converter::blocking::json::{JsonDecoder, JsonEncoder};
use schema_registry_converter::blocking::proto_raw::{ProtoRawDecoder, ProtoRawEncoder};
use schema_registry_converter::blocking::schema_registry::{
    get_all_subjects, get_all_versions, get_schema_by_id, get_schema_by_subject, is_compatible_schema, post_schema, SrSettings,
};
use schema_registry_converter::schema_registry_common::{SchemaType, SubjectNameStrategy, SuppliedReference, SuppliedSchema};
use serde_json::json;

const ORDER: &str = r#"{"type":"record","name":"RustOrder","namespace":"shop","fields":[{"name":"id","type":"long"}]}"#;
const MUST: &str = r#"{"type":"record","name":"RustOrder","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"must","type":"string"}]}"#;
const CAR: &str = r#"{"type":"record","name":"RustCar","namespace":"shop","fields":[{"name":"color","type":"shop.RustColor"}]}"#;
const COLOR: &str = r#"{"type":"enum","name":"RustColor","namespace":"shop","symbols":["RED","BLUE"]}"#;
const OBJECT: &str = r#"{"$id":"http://shop.example/rust.json","type":"object","properties":{"id":{"type":"integer"}},"additionalProperties":false}"#;
const MESSAGE: &str = "syntax = \"proto3\";\npackage shop;\n\nmessage Rust {\n  int64 id = 1;\n}\n";

fn ok(what: &str) {
    println!("ok - {what}");
}

fn supplied(schema_type: SchemaType, schema: &str, references: Vec<SuppliedReference>) -> SuppliedSchema {
    SuppliedSchema { name: None, schema_type, schema: schema.into(), references, properties: None, tags: None }
}

fn value_of(topic: &str) -> SubjectNameStrategy {
    SubjectNameStrategy::TopicNameStrategy(topic.into(), false)
}

fn registry(settings: &SrSettings) {
    let order = post_schema(settings, "rust-order-value".into(), supplied(SchemaType::Avro, ORDER, vec![])).unwrap();
    assert_eq!(post_schema(settings, "rust-order-value".into(), supplied(SchemaType::Avro, ORDER, vec![])).unwrap().id, order.id);
    assert!(post_schema(settings, "rust-order-value".into(), supplied(SchemaType::Avro, MUST, vec![])).is_err());
    assert!(!is_compatible_schema(settings, "rust-order-value".into(), supplied(SchemaType::Avro, MUST, vec![])).unwrap());
    assert!(is_compatible_schema(settings, "rust-order-value".into(), supplied(SchemaType::Avro, ORDER, vec![])).unwrap());
    let found = get_schema_by_id(order.id, settings).unwrap();
    assert_eq!((found.schema.as_str(), found.schema_type), (ORDER, SchemaType::Avro));
    assert_eq!((found.subject.as_deref(), found.version), (Some("rust-order-value"), Some(1)));
    assert_eq!(get_schema_by_subject(settings, &value_of("rust-order")).unwrap().id, order.id);
    assert_eq!(get_all_versions(settings, "rust-order-value".into()).unwrap(), vec![1]);
    assert!(get_all_subjects(settings).unwrap().contains(&"rust-order-value".into()));
    assert!(get_schema_by_id(999_999, settings).is_err());
    ok("registered once, found again, an incompatible one refused");

    let color = SuppliedReference {
        name: "shop.RustColor".into(), subject: "rust-color".into(), schema: COLOR.into(), references: vec![], properties: None, tags: None,
    };
    let car = post_schema(settings, "rust-car-value".into(), supplied(SchemaType::Avro, CAR, vec![color])).unwrap();
    assert_eq!(get_schema_by_id(car.id, settings).unwrap().references[0].subject, "rust-color");
    ok("references");
}

fn messages(settings: &SrSettings) {
    let data = AvroEncoder::new(settings.clone()).encode(vec![("id", Value::Long(7))], &value_of("rust-order")).unwrap();
    let back = AvroDecoder::new(settings.clone()).decode(Some(&data)).unwrap();
    assert_eq!(back.value, Value::Record(vec![("id".into(), Value::Long(7))]));
    let data = AvroEncoder::new(settings.clone()).encode(vec![("color", Value::Enum(1, "BLUE".into()))], &value_of("rust-car")).unwrap();
    let back = AvroDecoder::new(settings.clone()).decode(Some(&data)).unwrap();
    assert_eq!(back.value, Value::Record(vec![("color".into(), Value::Enum(1, "BLUE".into()))]));
    ok("Avro there and back, with references, too");

    let object = SubjectNameStrategy::TopicNameStrategyWithSchema("rust-json".into(), false, supplied(SchemaType::Json, OBJECT, vec![]));
    let data = JsonEncoder::new(settings.clone()).encode(&json!({"id": 7}), &object).unwrap();
    assert_eq!(JsonDecoder::new(settings.clone()).decode(Some(&data)).unwrap().unwrap().value, json!({"id": 7}));
    ok("JSON there and back");

    let message = SubjectNameStrategy::TopicNameStrategyWithSchema("rust-proto".into(), false, supplied(SchemaType::Protobuf, MESSAGE, vec![]));
    let data = ProtoRawEncoder::new(settings.clone()).encode(&[8, 7], "shop.Rust", &message).unwrap();
    let back = ProtoRawDecoder::new(settings.clone()).decode(Some(&data)).unwrap().unwrap();
    assert_eq!((back.full_name.as_str(), back.bytes), ("shop.Rust", vec![8, 7]));
    ok("Protobuf there and back");
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let settings = |password: &str| {
        SrSettings::new_builder(args[0].clone()).no_proxy().set_basic_authorization(&args[1], Some(password)).build().unwrap()
    };
    registry(&settings(&args[2]));
    messages(&settings(&args[2]));
    assert!(get_all_subjects(&settings("no")).is_err());
    ok("a wrong password is refused");
}
