/*-------------------------------------------------------------------------
 *
 * known_options.h
 *	  The options that descriptor.proto itself declares.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_PROTOBUF_KNOWN_OPTIONS_H
#define DP_PROTOBUF_KNOWN_OPTIONS_H

#include "protobuf/model.h"

typedef enum DpPbOptionsOf
{
	DP_PB_OPTIONS_OF_FILE,
	DP_PB_OPTIONS_OF_MESSAGE,
	DP_PB_OPTIONS_OF_FIELD,
	DP_PB_OPTIONS_OF_ONEOF,
	DP_PB_OPTIONS_OF_ENUM,
	DP_PB_OPTIONS_OF_ENUM_VALUE,
	DP_PB_OPTIONS_OF_SERVICE,
	DP_PB_OPTIONS_OF_METHOD
} DpPbOptionsOf;

typedef struct DpPbKnownOption
{
	DpPbOptionsOf of;
	int32		number;
	const char *name;
	DpPbType	type;			/* bool, string or enum */
	const char *words[4];		/* of an enum, from 0 */
} DpPbKnownOption;

extern const DpPbKnownOption *dp_pb_known_option(DpPbOptionsOf of, const char *name);
extern const DpPbKnownOption *dp_pb_known_option_number(DpPbOptionsOf of, int64 number);

#endif							/* DP_PROTOBUF_KNOWN_OPTIONS_H */
