#include "postgres.h"
#include "jsonschema/check.h"
bool
dp_js_format_holds(const char *format, const char *s, size_t len)
{
	return true;
}
