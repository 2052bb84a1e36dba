/*-------------------------------------------------------------------------
 *
 * difference.c
 *	  Names, policies and sentences of the differences between two schemas.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "jsonschema/difference.h"

/* The C library's: this file must link without the server. */
#undef snprintf

typedef enum Policy
{
	POLICY_S,
	POLICY_L,
	POLICY_N
} Policy;

/* Sentences; %s is the path. */
#define SENTENCE_CHANGED "What stands at '%s' differs between the old and the new schema."
#define SENTENCE_LIMIT_ADDED "The new schema demands something at '%s' that the old one does not."
#define SENTENCE_LIMIT_REMOVED "The new schema no longer demands what the old one does at '%s'."
#define SENTENCE_TYPE "The type at '%s' differs between the old and the new schema."
#define SENTENCE_INCREASED "The value at '%s' is higher in the new schema than in the old one."
#define SENTENCE_DECREASED "The value at '%s' is lower in the new schema than in the old one."
#define SENTENCE_OPENED "The new schema allows more at '%s' than the old one."
#define SENTENCE_CLOSED "The new schema allows less at '%s' than the old one."
#define SENTENCE_MORE "The list at '%s' has more members in the new schema than in the old one."
#define SENTENCE_FEWER "The list at '%s' has fewer members in the new schema than in the old one."
#define SENTENCE_ADDED "The new schema has something at '%s' that the old one has not."
#define SENTENCE_ADDED_OPEN "The new schema defines '%s', where the old one, being open, allowed anything: old data may hold something else there. Schemas with \"additionalProperties\": false may grow, and so may any under the policy LENIENT."
#define SENTENCE_ADDED_REQUIRED "The new schema requires '%s', which data of the old one does not have; a default would help."
#define SENTENCE_ADDED_NOT_COVERED "The new schema defines '%s' otherwise than the old one allowed it."
#define SENTENCE_REMOVED "The new schema no longer defines '%s'."
#define SENTENCE_REMOVED_CLOSED "The new schema no longer defines '%s', and being closed does not allow it."
#define SENTENCE_REMOVED_NOT_COVERED "The new schema no longer defines '%s', and what it allows in its place is something else."

static const struct
{
	const char *name;
	Policy		policy;
	const char *sentence;
}			differences[] = {
#define X(name, policy, sentence) {#name, POLICY_##policy, SENTENCE_##sentence},
	DP_JS_DIFFERENCES
#undef X
};

const char *
dp_js_difference_name(DpJsDifference type)
{
	return differences[type].name;
}

bool
dp_js_difference_compatible(DpJsDifference type, bool lenient)
{
	return differences[type].policy == POLICY_S ||
		(lenient && differences[type].policy == POLICY_L);
}

void
dp_js_difference_describe(DpJsDifference type, const char *path, char *out, size_t size)
{
	/* The sentences above are formats with one string. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(out, size, differences[type].sentence, path);
#pragma GCC diagnostic pop
}
