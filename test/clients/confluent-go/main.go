// What users of confluent-kafka-go's registry client do, against the HTTP worker.
//
//	main URL USER PASSWORD
//
// Prints "ok - what" for each step and ends with 1 where the client does not
// get what it expects.
package main

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"

	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/rest"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde"
	"github.com/confluentinc/confluent-kafka-go/v2/schemaregistry/serde/avrov2"
)

type info = schemaregistry.SchemaInfo

func ok(what string) { fmt.Println("ok - " + what) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func same(got, want any) {
	if !reflect.DeepEqual(got, want) {
		panic(fmt.Sprintf("got %v, expected %v", got, want))
	}
}

func refused(err error, code int) {
	var re *rest.Error
	if !errors.As(err, &re) || re.Code != code {
		panic(fmt.Sprintf("%d was expected, got %v", code, err))
	}
}

func client(password string) schemaregistry.Client {
	config := schemaregistry.NewConfigWithBasicAuthentication(os.Args[1], os.Args[2], password)
	config.MaxRetries = 0
	return must(schemaregistry.NewClient(config))
}

var shared schemaregistry.Client

// With nothing in its caches.
func fresh() schemaregistry.Client {
	if shared == nil {
		shared = client(os.Args[3])
	}
	same(shared.ClearCaches(), nil)
	return shared
}

func versions() {
	for _, t := range []struct{ kind, first, next, bad string }{
		{"AVRO", `{"type":"record","name":"CgoOrder","fields":[{"name":"id","type":"long"}]}`,
			`{"type":"record","name":"CgoOrder","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`,
			`{"type":"record","name":"CgoOrder","fields":[{"name":"id","type":"long"},{"name":"must","type":"string"}]}`},
		{"JSON", `{"type":"object","properties":{"id":{"type":"integer"}},"additionalProperties":false}`,
			`{"type":"object","properties":{"id":{"type":"integer"},"note":{"type":"string"}},"additionalProperties":false}`,
			`{"type":"object","properties":{"id":{"type":"string"}},"additionalProperties":false}`},
		{"PROTOBUF", "syntax = \"proto3\";\npackage shop;\n\nmessage Cgo {\n  int64 id = 1;\n}\n",
			"syntax = \"proto3\";\npackage shop;\n\nmessage Cgo {\n  int64 id = 1;\n  string note = 2;\n}\n",
			"syntax = \"proto3\";\npackage shop;\n\nmessage Cgo {\n  string id = 1;\n}\n"},
	} {
		subject := "cgo-" + t.kind
		first, next, bad := info{Schema: t.first, SchemaType: t.kind}, info{Schema: t.next, SchemaType: t.kind}, info{Schema: t.bad, SchemaType: t.kind}
		one := must(fresh().RegisterFullResponse(subject, first, false))
		same(one.Version, 1)
		same(must(fresh().Register(subject, first, false)), one.ID)
		same(must(fresh().Register(subject, next, true)), one.ID+1)
		_, err := fresh().Register(subject, bad, false)
		refused(err, 40901)
		same(must(fresh().TestSubjectCompatibility(subject, bad)), false)
		same(must(fresh().TestCompatibility(subject, 1, next)), true)
		same(must(fresh().GetAllVersions(subject)), []int{1, 2})
		same(must(fresh().GetID(subject, first, false)), one.ID)
		same(must(fresh().GetIDFullResponse(subject, first, false)).GUID, one.GUID)
		same(must(fresh().GetVersion(subject, first, false)), 1)
		same(must(fresh().GetLatestSchemaMetadata(subject)).Version, 2)
		same(must(fresh().GetSchemaMetadata(subject, 1)).ID, one.ID)
		same(must(fresh().GetBySubjectAndID(subject, one.ID)).Schema, must(fresh().GetByGUID(one.GUID)).Schema)
		same(must(fresh().GetSubjectsAndVersionsByID(one.ID)), []schemaregistry.SubjectAndVersion{{Subject: subject, Version: 1}})
		ok(subject + ": registered, found, evolved, an incompatible one refused")
	}
	_, err := fresh().GetLatestSchemaMetadata("cgo-nothing")
	refused(err, 40401)
	_, err = fresh().GetSchemaMetadata("cgo-AVRO", 9)
	refused(err, 40402)
	_, err = fresh().GetBySubjectAndID("cgo-AVRO", 999999)
	refused(err, 40403)
	_, err = client("no").GetAllSubjects()
	refused(err, 401)
	ok("what is not there, and a wrong password")
}

func configuration() {
	same(must(fresh().UpdateCompatibility("cgo-AVRO", schemaregistry.FullTransitive)), schemaregistry.Compatibility(schemaregistry.FullTransitive))
	same(must(fresh().GetCompatibility("cgo-AVRO")), schemaregistry.Compatibility(schemaregistry.FullTransitive))
	same(must(fresh().GetDefaultCompatibility()), schemaregistry.Compatibility(schemaregistry.Backward))
	must(fresh().UpdateConfig("cgo-AVRO", schemaregistry.ServerConfig{CompatibilityUpdate: schemaregistry.None, CompatibilityGroup: "major"}))
	same(must(fresh().GetConfig("cgo-AVRO", false)).CompatibilityGroup, "major")
	properties := &schemaregistry.Metadata{Properties: map[string]string{"major": "2"}}
	must(fresh().Register("cgo-AVRO", info{Schema: `"string"`, SchemaType: "AVRO", Metadata: properties}, false))
	same(must(fresh().GetLatestWithMetadata("cgo-AVRO", map[string]string{"major": "2"}, false)).Version, 3)
	ok("levels, configuration and metadata")
}

type order struct {
	ID   int64  `avro:"id"`
	Note string `avro:"note"`
}

func messages() {
	serializer := must(avrov2.NewSerializer(fresh(), serde.ValueSerde, avrov2.NewSerializerConfig()))
	data := must(serializer.Serialize("cgo-topic", &order{7, "seven"}))
	same(data[0], byte(0))
	deserializer := must(avrov2.NewDeserializer(fresh(), serde.ValueSerde, avrov2.NewDeserializerConfig()))
	var back order
	same(deserializer.DeserializeInto("cgo-topic", data, &back), nil)
	same(back, order{7, "seven"})
	same(must(fresh().GetAllVersions("cgo-topic-value")), []int{1})
	ok("messages there and back, their schema is registered by the first")
}

func deletes() {
	same(must(fresh().DeleteSubjectVersion("cgo-JSON", 2, false)), 2)
	same(must(fresh().GetSchemaMetadataIncludeDeleted("cgo-JSON", 2, true)).Version, 2)
	same(must(fresh().DeleteSubjectVersion("cgo-JSON", 2, true)), 2)
	same(must(fresh().DeleteSubject("cgo-JSON", false)), []int{1})
	same(must(fresh().DeleteSubject("cgo-JSON", true)), []int{1})
	same(slices.Contains(must(fresh().GetAllSubjects()), "cgo-JSON"), false)
	same(slices.Contains(must(fresh().GetAllContexts()), "."), true)
	ok("deletes")
}

func main() {
	versions()
	configuration()
	messages()
	deletes()
}
