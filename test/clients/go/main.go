// What users of franz-go's registry client do, against the HTTP worker.
//
//	main URL USER PASSWORD
//
// Prints "ok - what" for each step and ends with 1 where the client does not
// get what it expects.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

const (
	order    = `{"type":"record","name":"GoOrder","namespace":"shop","fields":[{"name":"id","type":"long"}]}`
	withNote = `{"type":"record","name":"GoOrder","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"],"default":null}]}`
	withMust = `{"type":"record","name":"GoOrder","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"must","type":"string"}]}`
	proto    = "syntax = \"proto3\";\npackage shop;\n\nmessage Event {\n  int64 id = 1;\n  string note = 2;\n}\n"
	badProto = "syntax = \"proto3\";\npackage shop;\n\nmessage Event {\n  string id = 1;\n  string note = 2;\n}\n"
	jsons    = `{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"],"additionalProperties":false}`
	badJSON  = `{"type":"object","properties":{"id":{"type":"string"}},"required":["id"],"additionalProperties":false}`
)

var ctx = context.Background()

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

func refused(err error, status, code int) {
	var re *sr.ResponseError
	if !errors.As(err, &re) || re.StatusCode != status || re.ErrorCode != code {
		panic(fmt.Sprintf("%d %d was expected, got %v", status, code, err))
	}
}

func schema(text string, kind sr.SchemaType) sr.Schema { return sr.Schema{Schema: text, Type: kind} }

func versions(cl *sr.Client) {
	for _, t := range []struct {
		name, first, bad string
		kind             sr.SchemaType
	}{
		{"go-avro", order, withMust, sr.TypeAvro},
		{"go-protobuf", proto, badProto, sr.TypeProtobuf},
		{"go-json", jsons, badJSON, sr.TypeJSON},
	} {
		one := must(cl.CreateSchema(ctx, t.name, schema(t.first, t.kind)))
		same([]any{one.Subject, one.Version, one.Type}, []any{t.name, 1, t.kind})
		same(must(cl.CreateSchema(ctx, t.name, schema(t.first, t.kind))).ID, one.ID)
		same(must(cl.RegisterSchema(ctx, t.name, schema(t.first, t.kind), -1, -1)), one.ID)
		_, err := cl.CreateSchema(ctx, t.name, schema(t.bad, t.kind))
		refused(err, 409, 40901)
		same(must(cl.CheckCompatibility(ctx, t.name, -1, schema(t.bad, t.kind))).Is, false)
		verbose := must(cl.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), t.name, -1, schema(t.bad, t.kind)))
		if len(verbose.Messages) == 0 {
			panic("no messages with verbose")
		}
		same(must(cl.CheckCompatibility(ctx, t.name, 1, schema(t.first, t.kind))).Is, true)
		same(must(cl.LookupSchema(ctx, t.name, schema(t.first, t.kind))).Version, 1)
		same(must(cl.SchemaByID(ctx, one.ID)).Type, t.kind)
		if len(must(cl.SchemaTextByID(ctx, one.ID))) < 20 || len(must(cl.SchemaTextByVersion(ctx, t.name, 1))) < 20 {
			panic("no text")
		}
		ok(t.name + ": registered once, found again, an incompatible one refused")
	}
	two := must(cl.CreateSchema(ctx, "go-avro", schema(withNote, sr.TypeAvro)))
	same(two.Version, 2)
	same(must(cl.SubjectVersions(ctx, "go-avro")), []int{1, 2})
	same(must(cl.SchemaByVersion(ctx, "go-avro", -1)).ID, two.ID)
	same(must(cl.SubjectsByID(ctx, two.ID)), []string{"go-avro"})
	same(len(must(cl.SchemaVersionsByID(ctx, two.ID))), 1)
	same(len(must(cl.Schemas(ctx, "go-avro"))), 2)
	if len(must(cl.AllSchemas(ctx))) < 4 || len(must(cl.Subjects(ctx))) < 3 || len(must(cl.SupportedTypes(ctx))) != 3 || len(must(cl.Contexts(ctx))) < 1 {
		panic("lists are too short")
	}
	ok("a compatible schema is the next version; lists")
	_, err := cl.SchemaByID(ctx, 999999)
	refused(err, 404, 40403)
	_, err = cl.SubjectVersions(ctx, "go-nothing")
	refused(err, 404, 40401)
	_, err = cl.CreateSchema(ctx, "go-x", schema("{", sr.TypeAvro))
	refused(err, 422, 42201)
	ok("Confluent's error codes")
}

func references(cl *sr.Client) {
	must(cl.CreateSchema(ctx, "go-base", schema(`{"type":"enum","name":"Color","namespace":"shop","symbols":["RED","BLUE"]}`, sr.TypeAvro)))
	user := sr.Schema{Schema: `{"type":"record","name":"Car","namespace":"shop","fields":[{"name":"color","type":"shop.Color"}]}`,
		Type: sr.TypeAvro, References: []sr.SchemaReference{{Name: "shop.Color", Subject: "go-base", Version: 1}}}
	made := must(cl.CreateSchema(ctx, "go-car", user))
	same(must(cl.SchemaByID(ctx, made.ID)).References, user.References)
	used := must(cl.SchemaReferences(ctx, "go-base", 1))
	same([]any{len(used), used[0].Subject}, []any{1, "go-car"})
	refused(cl.DeleteSchema(ctx, "go-base", 1, sr.SoftDelete), 422, 42206)
	ok("references")
}

func configuration(cl *sr.Client) {
	set := cl.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, "go-avro")
	same([]any{len(set), set[0].Err}, []any{1, nil})
	got := cl.Compatibility(ctx, "go-avro", sr.GlobalSubject)
	same([]any{got[0].Level, got[1].Level}, []any{sr.CompatFull, sr.CompatBackward})
	same(cl.ResetCompatibility(ctx, "go-avro")[0].Err, nil)
	same(cl.SetMode(ctx, sr.ModeReadOnly, "go-avro")[0].Err, nil)
	same(cl.Mode(ctx, "go-avro")[0].Mode, sr.ModeReadOnly)
	_, err := cl.CreateSchema(ctx, "go-avro", schema(order[:len(order)-2]+`,{"name":"n","type":"int","default":1}]}`, sr.TypeAvro))
	refused(err, 422, 42205)
	same(cl.ResetMode(ctx, "go-avro")[0].Err, nil)
	ok("levels and modes")
}

func messages(cl *sr.Client) {
	type event struct {
		ID int `json:"id"`
	}
	made := must(cl.LookupSchema(ctx, "go-json", schema(jsons, sr.TypeJSON)))
	var serde sr.Serde
	serde.Register(made.ID, event{}, sr.EncodeFn(json.Marshal), sr.DecodeFn(json.Unmarshal))
	data := must(serde.Encode(event{7}))
	id, body, err := serde.DecodeID(data)
	same([]any{id, string(body), err}, []any{made.ID, `{"id":7}`, nil})
	var back event
	same(serde.Decode(data, &back), nil)
	same(back, event{7})
	ok("messages with the id in front")
}

func deletes(cl *sr.Client) {
	same(cl.DeleteSchema(ctx, "go-avro", 2, sr.SoftDelete), nil)
	same(must(cl.SubjectVersions(ctx, "go-avro")), []int{1})
	same(must(cl.SubjectVersions(sr.WithParams(ctx, sr.ShowDeleted), "go-avro")), []int{1, 2})
	same(cl.DeleteSchema(ctx, "go-avro", 2, sr.HardDelete), nil)
	same(must(cl.DeleteSubject(ctx, "go-protobuf", sr.SoftDelete)), []int{1})
	same(must(cl.DeleteSubject(ctx, "go-protobuf", sr.HardDelete)), []int{1})
	_, err := cl.DeleteSubject(ctx, "go-protobuf", sr.SoftDelete)
	refused(err, 404, 40401)
	ok("deletes")
}

func main() {
	cl := must(sr.NewClient(sr.URLs(os.Args[1]), sr.BasicAuth(os.Args[2], os.Args[3])))
	versions(cl)
	references(cl)
	configuration(cl)
	messages(cl)
	deletes(cl)
	for _, name := range []string{"go/with/slash", "go-日本 ö"} {
		must(cl.CreateSchema(ctx, name, schema(`"string"`, sr.TypeAvro)))
		same(must(cl.SchemaByVersion(ctx, name, 1)).Subject, name)
	}
	ok("subjects with slashes and other alphabets")
	wrong := must(sr.NewClient(sr.URLs(os.Args[1]), sr.BasicAuth(os.Args[2], "no")))
	_, err := wrong.Subjects(ctx)
	if err == nil || !strings.Contains(err.Error(), "Unauthorized") {
		panic(fmt.Sprint("a wrong password: ", err))
	}
	ok("a wrong password is refused")
}
