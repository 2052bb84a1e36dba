#include "postgres.h"
#include "avro/program.h"
bool
dp_avro_encode(const DpSchema *schema, const DpMessagePath *path, const char *jsonb, DpBuf *out, DpError *err)
{
	return dp_error_set(err, "0A000", DP_NO_POSITION, "not yet");
}
