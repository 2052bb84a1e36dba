#include "postgres.h"
#include "protobuf/model.h"
DpPbFile *
dp_pb_read_descriptor(DpPbSchema *schema, const char *path, const char *bytes, size_t len, DpError *err)
{
	dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION, "schema is no descriptor");
	return NULL;
}
