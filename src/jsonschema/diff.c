#include "postgres.h"
#include "jsonschema/kind.h"
bool
dp_js_diff(const DpSchema *old, const DpSchema *new, bool lenient,
		   DpDifferenceSink sink, void *arg, DpError *err)
{
	return true;
}
