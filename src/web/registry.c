/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  The routes of the schema registry, as Confluent's REST API has them.
 *
 * What an operation does and answers is the registry's, in SQL
 * (dataplat_internal.registry_rest); here is what HTTP brings along: paths,
 * query parameters, media types, and bodies that are no JSON.
 *
 * The SQL function runs as the worker and asks itself what the role may do, by
 * the EXECUTE rights on the functions that SQL users call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <stdlib.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "web/registry.h"
#include "web/url.h"
#include "web/web.h"

#define STRICT_BODY 1			/* there must be a body */

typedef enum Answer
{
	ANSWER_JSON,
	ANSWER_TEXT,				/* a JSON string; its contents go out */
	ANSWER_NOTHING				/* 204 */
} Answer;

/* What a route hands to the SQL function. */
typedef struct Operation
{
	const char *name;
	const char *query;			/* parameters that it takes, " a b c " */
	int			body;
	Answer		answer;
} Operation;

static const char *const produces[] = {
	"application/vnd.schemaregistry.v1+json",
	"application/vnd.schemaregistry+json",
	"application/json",
	NULL
};

static const char *const consumes[] = {
	"application/vnd.schemaregistry.v1+json",
	"application/vnd.schemaregistry+json",
	"application/json",
	"application/octet-stream",
	NULL
};

/* ---- arguments ---- */

static JsonbValue
string_value(const char *s)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, s);
	v.val.string.len = (int) strlen(s);
	return v;
}

static void
push_member(JsonbParseState **state, const char *name, const char *value)
{
	JsonbValue	v = string_value(name);

	pushJsonbValue(state, WJB_KEY, &v);
	v = string_value(value);
	pushJsonbValue(state, WJB_VALUE, &v);
}

/* An int of Java: 32 bits, decimal. */
static bool
is_integer(const char *s)
{
	size_t		digits = strspn(s + (*s == '-' || *s == '+'), "0123456789");
	int64		value;

	s += *s == '+';
	if (digits == 0 || strlen(s) != digits + (*s == '-'))
		return false;
	errno = 0;
	value = strtoll(s, NULL, 10);
	return errno == 0 && value >= PG_INT32_MIN && value <= PG_INT32_MAX;
}

/* Confluent's server finds no such resource when a number is none. */
static void
check_number(const char *name, const char *value)
{
	if ((strcmp(name, "id") == 0 || strcmp(name, "offset") == 0 || strcmp(name, "limit") == 0) &&
		!is_integer(value))
		dp_web_raise(404, "HTTP 404 Not Found");
}

static void
push_path(JsonbParseState **state, const DpWebRoute *route, const DpWebRequest *request)
{
	const char *p = route->pattern;

	for (int i = 0; i < request->nparams; i++)
	{
		const char *end;
		char	   *name;

		p = strchr(p, '{') + 1;
		end = strchr(p, '}');
		name = pnstrdup(p, end - p);
		check_number(name, request->params[i]);
		push_member(state, name, request->params[i]);
	}
}

/* Several of one name (key=a&value=1&key=b&value=2) make an array. */
static void
push_query(JsonbParseState **state, const Operation *op, const DpWebRequest *request)
{
	const char *p = op->query;

	for (;;)
	{
		size_t		len = strcspn(p, " ");
		char	   *name = pnstrdup(p, len);
		List	   *values = NIL;
		ListCell   *lc;
		JsonbValue	v;

		foreach(lc, request->query)
		{
			const DpWebPair *pair = lfirst(lc);

			if (len > 0 && strcmp(pair->name, name) == 0)
				values = lappend(values, unconstify(char *, pair->value));
		}
		if (list_length(values) == 1 && *(const char *) linitial(values) != '\0')
		{
			check_number(name, linitial(values));
			push_member(state, name, linitial(values));
		}
		else if (list_length(values) > 1)
		{
			v = string_value(name);
			pushJsonbValue(state, WJB_KEY, &v);
			pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
			foreach(lc, values)
			{
				v = string_value(lfirst(lc));
				pushJsonbValue(state, WJB_ELEM, &v);
			}
			pushJsonbValue(state, WJB_END_ARRAY, NULL);
		}
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
}

/* ---- body ---- */

/* Text that is no JSON is the client's fault. */
static Jsonb *
parse_body(const char *body)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile parsed = NULL;

	PG_TRY();
	{
		parsed = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(body)));
	}
	PG_CATCH();
	{
		ErrorData  *edata;
		int			category;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);
		if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			PG_RE_THROW();
		FlushErrorState();
		dp_web_raise(400, "the body is no JSON: %s", edata->message);
	}
	PG_END_TRY();
	return parsed;
}

static bool
is_object(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data);
}

static bool
is_array(const JsonbValue *v)
{
	return v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data);
}

/* Members whose shape a client could get wrong; what is not here is ignored or of any shape. */
static const struct
{
	const char *name;
	char		shape;			/* s: no object nor array, n: a number, o: an object, a: an array */
}			members[] = {
	{"schema", 's'}, {"schemaType", 's'}, {"compatibility", 's'}, {"mode", 's'}, {"alias", 's'},
	{"compatibilityPolicy", 's'}, {"compatibilityGroup", 's'}, {"normalize", 's'},
	{"id", 'n'}, {"version", 'n'}, {"references", 'a'}, {"metadata", 'o'}, {"ruleSet", 'o'},
	{"defaultMetadata", 'o'}, {"overrideMetadata", 'o'}, {"defaultRuleSet", 'o'},
	{"overrideRuleSet", 'o'}
};

static bool
has_shape(const JsonbValue *v, char shape)
{
	if (v->type == jbvNull)
		return true;
	switch (shape)
	{
		case 's':
			return v->type != jbvBinary;
		case 'n':
			return v->type == jbvNumeric ||
				(v->type == jbvString && is_integer(pnstrdup(v->val.string.val, v->val.string.len)));
		case 'o':
			return is_object(v);
		default:
			return is_array(v);
	}
}

static Jsonb *
take_body(const DpWebRequest *request)
{
	Jsonb	   *body;

	if (request->body == NULL || request->body[strspn(request->body, " \t\r\n")] == '\0')
		dp_web_raise(422, "the request has no body");
	if (strlen(request->body) != request->len)
		dp_web_raise(400, "the body is no JSON: it has a byte 0");
	if (!pg_verify_mbstr(PG_UTF8, request->body, (int) request->len, true))
		dp_web_raise(400, "the body is no JSON: it is not encoded in UTF-8");
	body = parse_body(request->body);
	if (JB_ROOT_IS_SCALAR(body) && strcmp(JsonbToCString(NULL, &body->root, 0), "\"\"") == 0)
		body = parse_body("{}");
	if (!JB_ROOT_IS_OBJECT(body))
		dp_web_raise(400, "the body is no JSON object");
	for (int i = 0; i < lengthof(members); i++)
	{
		JsonbValue	v;

		if (getKeyJsonValueFromContainer(&body->root, members[i].name,
										 (int) strlen(members[i].name), &v) != NULL &&
			!has_shape(&v, members[i].shape))
			dp_web_raise(400, "member \"%s\" of the body has the wrong type", members[i].name);
	}
	return body;
}

static Jsonb *
make_arguments(const DpWebRoute *route, const DpWebRequest *request)
{
	const Operation *op = route->arg;
	JsonbParseState *state = NULL;
	JsonbValue	v;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (op->body)
	{
		v = string_value("body");
		pushJsonbValue(&state, WJB_KEY, &v);
		v.type = jbvBinary;
		v.val.binary.data = &take_body(request)->root;
		v.val.binary.len = 0;
		pushJsonbValue(&state, WJB_VALUE, &v);
	}
	push_path(&state, route, request);
	push_query(&state, op, request);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* ---- the call ---- */

static SPIPlanPtr
plan_of_call(void)
{
	static SPIPlanPtr plan = NULL;

	if (plan == NULL)
	{
		Oid			types[3] = {NAMEOID, TEXTOID, JSONBOID};
		SPIPlanPtr	made = SPI_prepare("SELECT dataplat_internal.registry_rest($1, $2, $3)", 3, types);

		SPI_keepplan(made);
		plan = made;
	}
	return plan;
}

static void
write_answer(Answer answer, Jsonb *result, DpWebResponse *response)
{
	JsonbValue	v;

	if (answer == ANSWER_TEXT && JB_ROOT_IS_SCALAR(result) &&
		JsonbExtractScalar(&result->root, &v) && v.type == jbvString)
		appendBinaryStringInfo(&response->body, v.val.string.val, v.val.string.len);
	else
		(void) JsonbToCString(&response->body, &result->root, VARSIZE(result));
}

static void
run_operation(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	const Operation *op = route->arg;
	MemoryContext context = CurrentMemoryContext;
	Datum		values[3];
	bool		isnull;
	Datum		result;

	values[0] = DirectFunctionCall1(namein, CStringGetDatum(request->role_name));
	values[1] = CStringGetTextDatum(op->name);
	values[2] = JsonbPGetDatum(make_arguments(route, request));
	SPI_connect();
	if (SPI_execute_plan(plan_of_call(), values, NULL, false, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "operation \"%s\" of the registry did not return a row", op->name);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (op->answer == ANSWER_NOTHING)
		response->status = 204;
	else if (isnull)
		appendStringInfoString(&response->body, "null");
	else
	{
		/* StringInfo grows in the context that it was made in */
		Jsonb	   *jb = DatumGetJsonbP(result);

		write_answer(op->answer, jb, response);
	}
	SPI_finish();
	MemoryContextSwitchTo(context);
}

/* ---- what needs no database ---- */

static void
answer_fixed(const DpWebRoute *route, DpWebRequest *request, DpWebResponse *response)
{
	appendStringInfoString(&response->body, route->arg);
}

/* ---- routes ---- */

#define OP(op_name, ...) &(const Operation) {.name = op_name, __VA_ARGS__}
#define ROUTE(m, p, ...) \
	{.method = m, .pattern = p, .handler = run_operation, .flags = DP_WEB_AS_WORKER, \
		.produces = produces, .consumes = consumes, .arg = OP(__VA_ARGS__)}
#define FIXED(m, p, f, text) \
	{.method = m, .pattern = p, .handler = answer_fixed, .flags = f, .produces = produces, .arg = text}

#define LISTED "deleted deletedOnly offset limit"

static const DpWebRoute routes[] = {
	FIXED("GET", "/", DP_WEB_OPEN, "{}"),
	FIXED("POST", "/", DP_WEB_OPEN, "{}"),

	ROUTE("GET", "/subjects", "subjects", "subjectPrefix " LISTED),
	ROUTE("POST", "/subjects/{subject}", "lookup", "normalize deleted format", STRICT_BODY),
	ROUTE("DELETE", "/subjects/{subject}", "delete_subject", "permanent"),
	ROUTE("GET", "/subjects/{subject}/versions", "versions", "deletedAsNegative " LISTED),
	ROUTE("POST", "/subjects/{subject}/versions", "register", "normalize format", STRICT_BODY),
	ROUTE("GET", "/subjects/{subject}/versions/{version}", "version", "deleted format referenceFormat"),
	ROUTE("DELETE", "/subjects/{subject}/versions/{version}", "delete_version", "permanent"),
	ROUTE("GET", "/subjects/{subject}/versions/{version}/schema", "version_schema", "deleted format", 0, ANSWER_TEXT),
	ROUTE("GET", "/subjects/{subject}/versions/{version}/referencedby", "referencedby", "offset limit"),
	ROUTE("GET", "/subjects/{subject}/metadata", "metadata", "key value deleted format"),

	ROUTE("GET", "/schemas", "schemas", "subjectPrefix aliases deleted latestOnly ruleType offset limit"),
	ROUTE("GET", "/schemas/types", "types", ""),
	ROUTE("GET", "/schemas/ids/{id}", "id", "subject format referenceFormat fetchMaxId"),
	ROUTE("GET", "/schemas/ids/{id}/schema", "id_schema", "subject format", 0, ANSWER_TEXT),
	ROUTE("GET", "/schemas/ids/{id}/subjects", "id_subjects", "subject deleted offset limit"),
	ROUTE("GET", "/schemas/ids/{id}/versions", "id_versions", "subject deleted offset limit"),
	ROUTE("GET", "/schemas/guids/{guid}", "guid", "format"),
	ROUTE("GET", "/schemas/guids/{guid}/ids", "guid_ids", ""),

	ROUTE("GET", "/contexts", "contexts", "offset limit"),
	ROUTE("DELETE", "/contexts/{context}", "delete_context", "", 0, ANSWER_NOTHING),

	ROUTE("GET", "/config", "get_config", "defaultToGlobal"),
	ROUTE("PUT", "/config", "set_config", "", STRICT_BODY),
	ROUTE("DELETE", "/config", "delete_config", ""),
	ROUTE("GET", "/config/{subject}", "get_config", "defaultToGlobal"),
	ROUTE("PUT", "/config/{subject}", "set_config", "", STRICT_BODY),
	ROUTE("DELETE", "/config/{subject}", "delete_config", ""),

	ROUTE("GET", "/mode", "get_mode", "defaultToGlobal"),
	ROUTE("PUT", "/mode", "set_mode", "force", STRICT_BODY),
	ROUTE("DELETE", "/mode", "delete_mode", "recursive"),
	ROUTE("GET", "/mode/{subject}", "get_mode", "defaultToGlobal"),
	ROUTE("PUT", "/mode/{subject}", "set_mode", "force", STRICT_BODY),
	ROUTE("DELETE", "/mode/{subject}", "delete_mode", "recursive"),

	ROUTE("POST", "/compatibility/subjects/{subject}/versions", "compatibility", "verbose normalize", STRICT_BODY),
	ROUTE("POST", "/compatibility/subjects/{subject}/versions/{version}", "compatibility", "verbose normalize", STRICT_BODY),

	FIXED("GET", "/v1/metadata/id", 0,
		  "{\"scope\":{\"path\":[],\"clusters\":{\"schema-registry-cluster\":\"dataplat\"}},\"id\":\"\"}"),
	FIXED("GET", "/v1/metadata/version", 0, "{\"version\":\"8.1.5\",\"commitId\":\"dataplat-" DATAPLAT_VERSION "\"}")
};

void
dp_web_registry_init(void)
{
	for (int i = 0; i < lengthof(routes); i++)
		dp_web_route(&routes[i]);
}

/* ---- contexts in paths ---- */

/* ".ctx", "ctx" and ":.ctx:" are all ":.ctx:". */
static char *
qualified_context(const char *context)
{
	if (context[0] == ':')
		return psprintf("%s%s", context, context[strlen(context) - 1] == ':' && context[1] ? "" : ":");
	return psprintf(":%s%s:", context[0] == '.' ? "" : ".", context);
}

static char *
inside(const char *context, const char *subject)
{
	if (strncmp(subject, ":.", 2) == 0 || strncmp(subject, ":*:", 3) == 0)
		return pstrdup(subject);
	return psprintf("%s%s", context, subject);
}

/* The query parameter gets the context, and is made when it is missing. */
static void
put_query(List **query, const char *name, const char *context)
{
	DpWebPair  *made;
	ListCell   *lc;

	foreach(lc, *query)
	{
		DpWebPair  *pair = lfirst(lc);

		if (strcmp(pair->name, name) == 0)
		{
			pair->value = inside(context, pair->value);
			return;
		}
	}
	made = palloc(sizeof(DpWebPair));
	made->name = name;
	made->value = context;
	*query = lappend(*query, made);
}

void
dp_web_rewrite(List **parts, List **query)
{
	char	   *context;
	List	   *rest;
	const char *root;

	if (list_length(*parts) < 3 || strcmp(linitial(*parts), "contexts") != 0 ||
		*(const char *) lsecond(*parts) == '\0' || *(const char *) lthird(*parts) == '\0')
		return;
	context = qualified_context(lsecond(*parts));
	rest = list_copy_tail(*parts, 2);
	root = linitial(rest);
	if (*(const char *) llast(rest) == '\0')
		rest = list_truncate(rest, list_length(rest) - 1);

	if (strcmp(root, "schemas") == 0 && list_length(rest) > 1)
		put_query(query, "subject", context);
	else if ((strcmp(root, "schemas") == 0 || strcmp(root, "subjects") == 0) && list_length(rest) == 1)
		put_query(query, "subjectPrefix", context);
	else if ((strcmp(root, "config") == 0 || strcmp(root, "mode") == 0) && list_length(rest) == 1)
		rest = lappend(rest, context);
	else if (strcmp(root, "compatibility") == 0 && list_length(rest) > 2)
		lfirst(list_nth_cell(rest, 2)) = inside(context, list_nth(rest, 2));
	else if (list_length(rest) > 1)
		lfirst(list_nth_cell(rest, 1)) = inside(context, list_nth(rest, 1));
	*parts = rest;
}
