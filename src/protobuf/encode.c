#include "postgres.h"
#include "protobuf/model.h"
bool
dp_pb_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb, DpBuf *out, DpError *err)
{
	return dp_error_set(err, DP_SQLSTATE_INVALID_SCHEMA, DP_NO_POSITION, "not here yet");
}
