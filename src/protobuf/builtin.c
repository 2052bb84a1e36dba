/*-------------------------------------------------------------------------
 *
 * builtin.c
 *	  Files that a schema may import without a reference to them.
 *
 * Only what types and options need: no comments, no services.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/model.h"

typedef struct Builtin
{
	const char *path;
	const char *text;
} Builtin;

#define GOOGLE "syntax=\"proto3\";package google.protobuf;"
#define GOOGLE_TYPE "syntax=\"proto3\";package google.type;"
#define CUSTOM "repeated UninterpretedOption uninterpreted_option=999;extensions 1000 to max;"

/* descriptor.proto, in pieces because C bounds the length of a string */
static const char descriptor[] =
"syntax=\"proto2\";package google.protobuf;"
"message FileDescriptorSet{repeated FileDescriptorProto file=1;}"
"message FileDescriptorProto{optional string name=1;optional string package=2;"
"repeated string dependency=3;repeated int32 public_dependency=10;repeated int32 weak_dependency=11;"
"repeated DescriptorProto message_type=4;repeated EnumDescriptorProto enum_type=5;"
"repeated ServiceDescriptorProto service=6;repeated FieldDescriptorProto extension=7;"
"optional FileOptions options=8;optional SourceCodeInfo source_code_info=9;optional string syntax=12;}"
"message DescriptorProto{optional string name=1;repeated FieldDescriptorProto field=2;"
"repeated FieldDescriptorProto extension=6;repeated DescriptorProto nested_type=3;"
"repeated EnumDescriptorProto enum_type=4;"
"message ExtensionRange{optional int32 start=1;optional int32 end=2;optional ExtensionRangeOptions options=3;}"
"repeated ExtensionRange extension_range=5;repeated OneofDescriptorProto oneof_decl=8;"
"optional MessageOptions options=7;"
"message ReservedRange{optional int32 start=1;optional int32 end=2;}"
"repeated ReservedRange reserved_range=9;repeated string reserved_name=10;}"
"message ExtensionRangeOptions{" CUSTOM "}"
"message FieldDescriptorProto{"
"enum Type{TYPE_DOUBLE=1;TYPE_FLOAT=2;TYPE_INT64=3;TYPE_UINT64=4;TYPE_INT32=5;TYPE_FIXED64=6;"
"TYPE_FIXED32=7;TYPE_BOOL=8;TYPE_STRING=9;TYPE_GROUP=10;TYPE_MESSAGE=11;TYPE_BYTES=12;TYPE_UINT32=13;"
"TYPE_ENUM=14;TYPE_SFIXED32=15;TYPE_SFIXED64=16;TYPE_SINT32=17;TYPE_SINT64=18;}"
"enum Label{LABEL_OPTIONAL=1;LABEL_REQUIRED=2;LABEL_REPEATED=3;}"
"optional string name=1;optional int32 number=3;optional Label label=4;optional Type type=5;"
"optional string type_name=6;optional string extendee=2;optional string default_value=7;"
"optional int32 oneof_index=9;optional string json_name=10;optional FieldOptions options=8;"
"optional bool proto3_optional=17;}"
"message OneofDescriptorProto{optional string name=1;optional OneofOptions options=2;}"
"message EnumDescriptorProto{optional string name=1;repeated EnumValueDescriptorProto value=2;"
"optional EnumOptions options=3;"
"message EnumReservedRange{optional int32 start=1;optional int32 end=2;}"
"repeated EnumReservedRange reserved_range=4;repeated string reserved_name=5;}"
"message EnumValueDescriptorProto{optional string name=1;optional int32 number=2;"
"optional EnumValueOptions options=3;}"
"message ServiceDescriptorProto{optional string name=1;repeated MethodDescriptorProto method=2;"
"optional ServiceOptions options=3;}"
"message MethodDescriptorProto{optional string name=1;optional string input_type=2;"
"optional string output_type=3;optional MethodOptions options=4;"
"optional bool client_streaming=5;optional bool server_streaming=6;}"
"message FileOptions{optional string java_package=1;optional string java_outer_classname=8;"
"optional bool java_multiple_files=10;optional bool java_generate_equals_and_hash=20;"
"optional bool java_string_check_utf8=27;"
"enum OptimizeMode{SPEED=1;CODE_SIZE=2;LITE_RUNTIME=3;}"
"optional OptimizeMode optimize_for=9;optional string go_package=11;"
"optional bool cc_generic_services=16;optional bool java_generic_services=17;"
"optional bool py_generic_services=18;optional bool php_generic_services=42;"
"optional bool deprecated=23;optional bool cc_enable_arenas=31;optional string objc_class_prefix=36;"
"optional string csharp_namespace=37;optional string swift_prefix=39;"
"optional string php_class_prefix=40;optional string php_namespace=41;"
"optional string php_metadata_namespace=44;optional string ruby_package=45;" CUSTOM "}"
"message MessageOptions{optional bool message_set_wire_format=1;"
"optional bool no_standard_descriptor_accessor=2;optional bool deprecated=3;optional bool map_entry=7;"
"optional bool deprecated_legacy_json_field_conflicts=11;" CUSTOM "}"
"message FieldOptions{"
"enum CType{STRING=0;CORD=1;STRING_PIECE=2;}"
"enum JSType{JS_NORMAL=0;JS_STRING=1;JS_NUMBER=2;}"
"enum OptionRetention{RETENTION_UNKNOWN=0;RETENTION_RUNTIME=1;RETENTION_SOURCE=2;}"
"optional CType ctype=1;optional bool packed=2;optional JSType jstype=6;optional bool lazy=5;"
"optional bool unverified_lazy=15;optional bool deprecated=3;optional bool weak=10;"
"optional bool debug_redact=16;optional OptionRetention retention=17;" CUSTOM "}"
"message OneofOptions{" CUSTOM "}"
"message EnumOptions{optional bool allow_alias=2;optional bool deprecated=3;"
"optional bool deprecated_legacy_json_field_conflicts=6;" CUSTOM "}"
"message EnumValueOptions{optional bool deprecated=1;optional bool debug_redact=3;" CUSTOM "}"
"message ServiceOptions{optional bool deprecated=33;" CUSTOM "}"
"message MethodOptions{optional bool deprecated=33;"
"enum IdempotencyLevel{IDEMPOTENCY_UNKNOWN=0;NO_SIDE_EFFECTS=1;IDEMPOTENT=2;}"
"optional IdempotencyLevel idempotency_level=34;" CUSTOM "}"
"message UninterpretedOption{"
"message NamePart{required string name_part=1;required bool is_extension=2;}"
"repeated NamePart name=2;optional string identifier_value=3;optional uint64 positive_int_value=4;"
"optional int64 negative_int_value=5;optional double double_value=6;optional bytes string_value=7;"
"optional string aggregate_value=8;}"
"message SourceCodeInfo{repeated Location location=1;"
"message Location{repeated int32 path=1[packed=true];repeated int32 span=2[packed=true];"
"optional string leading_comments=3;optional string trailing_comments=4;"
"repeated string leading_detached_comments=6;}}";

static const Builtin builtins[] = {
	{"google/protobuf/descriptor.proto", descriptor},
	{"google/protobuf/any.proto", GOOGLE "message Any{string type_url=1;bytes value=2;}"},
	{"google/protobuf/duration.proto", GOOGLE "message Duration{int64 seconds=1;int32 nanos=2;}"},
	{"google/protobuf/empty.proto", GOOGLE "message Empty{}"},
	{"google/protobuf/field_mask.proto", GOOGLE "message FieldMask{repeated string paths=1;}"},
	{"google/protobuf/source_context.proto", GOOGLE "message SourceContext{string file_name=1;}"},
	{"google/protobuf/timestamp.proto", GOOGLE "message Timestamp{int64 seconds=1;int32 nanos=2;}"},
	{"google/protobuf/struct.proto", GOOGLE
		"message Struct{map<string,Value> fields=1;}"
		"message Value{oneof kind{NullValue null_value=1;double number_value=2;string string_value=3;"
	"bool bool_value=4;Struct struct_value=5;ListValue list_value=6;}}"
	"enum NullValue{NULL_VALUE=0;}message ListValue{repeated Value values=1;}"},
	{"google/protobuf/wrappers.proto", GOOGLE
		"message DoubleValue{double value=1;}message FloatValue{float value=1;}"
		"message Int64Value{int64 value=1;}message UInt64Value{uint64 value=1;}"
		"message Int32Value{int32 value=1;}message UInt32Value{uint32 value=1;}"
		"message BoolValue{bool value=1;}message StringValue{string value=1;}"
	"message BytesValue{bytes value=1;}"},
	{"google/protobuf/type.proto", GOOGLE
		"import \"google/protobuf/any.proto\";import \"google/protobuf/source_context.proto\";"
		"message Type{string name=1;repeated Field fields=2;repeated string oneofs=3;"
		"repeated Option options=4;SourceContext source_context=5;Syntax syntax=6;string edition=7;}"
		"message Field{enum Kind{TYPE_UNKNOWN=0;TYPE_DOUBLE=1;TYPE_FLOAT=2;TYPE_INT64=3;TYPE_UINT64=4;"
		"TYPE_INT32=5;TYPE_FIXED64=6;TYPE_FIXED32=7;TYPE_BOOL=8;TYPE_STRING=9;TYPE_GROUP=10;"
		"TYPE_MESSAGE=11;TYPE_BYTES=12;TYPE_UINT32=13;TYPE_ENUM=14;TYPE_SFIXED32=15;TYPE_SFIXED64=16;"
		"TYPE_SINT32=17;TYPE_SINT64=18;}"
		"enum Cardinality{CARDINALITY_UNKNOWN=0;CARDINALITY_OPTIONAL=1;CARDINALITY_REQUIRED=2;"
		"CARDINALITY_REPEATED=3;}"
		"Kind kind=1;Cardinality cardinality=2;int32 number=3;string name=4;string type_url=6;"
		"int32 oneof_index=7;bool packed=8;repeated Option options=9;string json_name=10;"
		"string default_value=11;}"
		"message Enum{string name=1;repeated EnumValue enumvalue=2;repeated Option options=3;"
		"SourceContext source_context=4;Syntax syntax=5;string edition=6;}"
		"message EnumValue{string name=1;int32 number=2;repeated Option options=3;}"
	"message Option{string name=1;Any value=2;}enum Syntax{SYNTAX_PROTO2=0;SYNTAX_PROTO3=1;SYNTAX_EDITIONS=2;}"},
	{"google/protobuf/api.proto", GOOGLE
		"import \"google/protobuf/source_context.proto\";import \"google/protobuf/type.proto\";"
		"message Api{string name=1;repeated Method methods=2;repeated Option options=3;string version=4;"
		"SourceContext source_context=5;repeated Mixin mixins=6;Syntax syntax=7;}"
		"message Method{string name=1;string request_type_url=2;bool request_streaming=3;"
		"string response_type_url=4;bool response_streaming=5;repeated Option options=6;Syntax syntax=7;}"
	"message Mixin{string name=1;string root=2;}"},
	{"google/type/calendar_period.proto", GOOGLE_TYPE
		"enum CalendarPeriod{CALENDAR_PERIOD_UNSPECIFIED=0;DAY=1;WEEK=2;FORTNIGHT=3;MONTH=4;QUARTER=5;"
	"HALF=6;YEAR=7;}"},
	{"google/type/color.proto", GOOGLE_TYPE "import \"google/protobuf/wrappers.proto\";"
	"message Color{float red=1;float green=2;float blue=3;google.protobuf.FloatValue alpha=4;}"},
	{"google/type/date.proto", GOOGLE_TYPE "message Date{int32 year=1;int32 month=2;int32 day=3;}"},
	{"google/type/datetime.proto", GOOGLE_TYPE "import \"google/protobuf/duration.proto\";"
		"message DateTime{int32 year=1;int32 month=2;int32 day=3;int32 hours=4;int32 minutes=5;"
		"int32 seconds=6;int32 nanos=7;oneof time_offset{google.protobuf.Duration utc_offset=8;"
	"TimeZone time_zone=9;}}message TimeZone{string id=1;string version=2;}"},
	{"google/type/dayofweek.proto", GOOGLE_TYPE
		"enum DayOfWeek{DAY_OF_WEEK_UNSPECIFIED=0;MONDAY=1;TUESDAY=2;WEDNESDAY=3;THURSDAY=4;FRIDAY=5;"
	"SATURDAY=6;SUNDAY=7;}"},
	{"google/type/decimal.proto", GOOGLE_TYPE "message Decimal{string value=1;}"},
	{"google/type/expr.proto", GOOGLE_TYPE
	"message Expr{string expression=1;string title=2;string description=3;string location=4;}"},
	{"google/type/fraction.proto", GOOGLE_TYPE "message Fraction{int64 numerator=1;int64 denominator=2;}"},
	{"google/type/interval.proto", GOOGLE_TYPE "import \"google/protobuf/timestamp.proto\";"
	"message Interval{google.protobuf.Timestamp start_time=1;google.protobuf.Timestamp end_time=2;}"},
	{"google/type/latlng.proto", GOOGLE_TYPE "message LatLng{double latitude=1;double longitude=2;}"},
	{"google/type/localized_text.proto", GOOGLE_TYPE
	"message LocalizedText{string text=1;string language_code=2;}"},
	{"google/type/money.proto", GOOGLE_TYPE "message Money{string currency_code=1;int64 units=2;int32 nanos=3;}"},
	{"google/type/month.proto", GOOGLE_TYPE
		"enum Month{MONTH_UNSPECIFIED=0;JANUARY=1;FEBRUARY=2;MARCH=3;APRIL=4;MAY=5;JUNE=6;JULY=7;AUGUST=8;"
	"SEPTEMBER=9;OCTOBER=10;NOVEMBER=11;DECEMBER=12;}"},
	{"google/type/phone_number.proto", GOOGLE_TYPE
		"message PhoneNumber{message ShortCode{string region_code=1;string number=2;}"
	"oneof kind{string e164_number=1;ShortCode short_code=2;}string extension=3;}"},
	{"google/type/postal_address.proto", GOOGLE_TYPE
		"message PostalAddress{int32 revision=1;string region_code=2;string language_code=3;"
		"string postal_code=4;string sorting_code=5;string administrative_area=6;string locality=7;"
	"string sublocality=8;repeated string address_lines=9;repeated string recipients=10;string organization=11;}"},
	{"google/type/quaternion.proto", GOOGLE_TYPE "message Quaternion{double x=1;double y=2;double z=3;double w=4;}"},
	{"google/type/timeofday.proto", GOOGLE_TYPE
	"message TimeOfDay{int32 hours=1;int32 minutes=2;int32 seconds=3;int32 nanos=4;}"},
	{"confluent/type/decimal.proto", "syntax=\"proto3\";package confluent.type;"
	"message Decimal{bytes value=1;uint32 precision=2;int32 scale=3;}"},
	{"confluent/meta.proto", "syntax=\"proto3\";package confluent;import \"google/protobuf/descriptor.proto\";"
		"message Meta{string doc=1;map<string,string> params=2;repeated string tags=3;}"
		"extend google.protobuf.FileOptions{Meta file_meta=1088;}"
		"extend google.protobuf.MessageOptions{Meta message_meta=1088;}"
		"extend google.protobuf.FieldOptions{Meta field_meta=1088;}"
		"extend google.protobuf.EnumOptions{Meta enum_meta=1088;}"
	"extend google.protobuf.EnumValueOptions{Meta enum_value_meta=1088;}"},
};

const char *
dp_pb_builtin(const char *path)
{
	for (int i = 0; i < (int) lengthof(builtins); i++)
	{
		if (strcmp(builtins[i].path, path) == 0)
			return builtins[i].text;
	}
	return NULL;
}
