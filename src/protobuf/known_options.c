/*-------------------------------------------------------------------------
 *
 * known_options.c
 *	  The options that descriptor.proto itself declares.
 *
 * Between text and descriptors these are translated; a custom option is kept
 * in text only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "protobuf/known_options.h"

#define FILE_ DP_PB_OPTIONS_OF_FILE
#define MESSAGE_ DP_PB_OPTIONS_OF_MESSAGE
#define FIELD_ DP_PB_OPTIONS_OF_FIELD

static const DpPbKnownOption known[] = {
	{FILE_, 1, "java_package", DP_PB_STRING},
	{FILE_, 8, "java_outer_classname", DP_PB_STRING},
	{FILE_, 9, "optimize_for", DP_PB_ENUM, {"", "SPEED", "CODE_SIZE", "LITE_RUNTIME"}},
	{FILE_, 10, "java_multiple_files", DP_PB_BOOL},
	{FILE_, 11, "go_package", DP_PB_STRING},
	{FILE_, 16, "cc_generic_services", DP_PB_BOOL},
	{FILE_, 17, "java_generic_services", DP_PB_BOOL},
	{FILE_, 18, "py_generic_services", DP_PB_BOOL},
	{FILE_, 20, "java_generate_equals_and_hash", DP_PB_BOOL},
	{FILE_, 23, "deprecated", DP_PB_BOOL},
	{FILE_, 27, "java_string_check_utf8", DP_PB_BOOL},
	{FILE_, 31, "cc_enable_arenas", DP_PB_BOOL},
	{FILE_, 36, "objc_class_prefix", DP_PB_STRING},
	{FILE_, 37, "csharp_namespace", DP_PB_STRING},
	{FILE_, 39, "swift_prefix", DP_PB_STRING},
	{FILE_, 40, "php_class_prefix", DP_PB_STRING},
	{FILE_, 41, "php_namespace", DP_PB_STRING},
	{FILE_, 42, "php_generic_services", DP_PB_BOOL},
	{FILE_, 44, "php_metadata_namespace", DP_PB_STRING},
	{FILE_, 45, "ruby_package", DP_PB_STRING},
	{MESSAGE_, 1, "message_set_wire_format", DP_PB_BOOL},
	{MESSAGE_, 2, "no_standard_descriptor_accessor", DP_PB_BOOL},
	{MESSAGE_, 3, "deprecated", DP_PB_BOOL},
	{MESSAGE_, 7, "map_entry", DP_PB_BOOL},
	{MESSAGE_, 11, "deprecated_legacy_json_field_conflicts", DP_PB_BOOL},
	{FIELD_, 1, "ctype", DP_PB_ENUM, {"STRING", "CORD", "STRING_PIECE"}},
	{FIELD_, 2, "packed", DP_PB_BOOL},
	{FIELD_, 3, "deprecated", DP_PB_BOOL},
	{FIELD_, 5, "lazy", DP_PB_BOOL},
	{FIELD_, 6, "jstype", DP_PB_ENUM, {"JS_NORMAL", "JS_STRING", "JS_NUMBER"}},
	{FIELD_, 10, "weak", DP_PB_BOOL},
	{FIELD_, 15, "unverified_lazy", DP_PB_BOOL},
	{FIELD_, 16, "debug_redact", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_ENUM, 2, "allow_alias", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_ENUM, 3, "deprecated", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_ENUM, 6, "deprecated_legacy_json_field_conflicts", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_ENUM_VALUE, 1, "deprecated", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_ENUM_VALUE, 3, "debug_redact", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_SERVICE, 33, "deprecated", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_METHOD, 33, "deprecated", DP_PB_BOOL},
	{DP_PB_OPTIONS_OF_METHOD, 34, "idempotency_level", DP_PB_ENUM,
	{"IDEMPOTENCY_UNKNOWN", "NO_SIDE_EFFECTS", "IDEMPOTENT"}},
};

const DpPbKnownOption *
dp_pb_known_option(DpPbOptionsOf of, const char *name)
{
	for (int i = 0; i < (int) lengthof(known); i++)
	{
		if (known[i].of == of && strcmp(known[i].name, name) == 0)
			return &known[i];
	}
	return NULL;
}

const DpPbKnownOption *
dp_pb_known_option_number(DpPbOptionsOf of, int64 number)
{
	for (int i = 0; i < (int) lengthof(known); i++)
	{
		if (known[i].of == of && known[i].number == number)
			return &known[i];
	}
	return NULL;
}
