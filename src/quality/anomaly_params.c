/*-------------------------------------------------------------------------
 *
 * anomaly_params.c
 *	  The parameters of a strategy, by name, from a jsonb object.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>
#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "quality/anomaly.h"

struct DpAnomalyParams
{
	const DpAnomalyStrategy *strategy;
	bool		given[DP_ANOMALY_MAX_PARAMS];
	JsonbValue	values[DP_ANOMALY_MAX_PARAMS];
};

char *
dp_anomaly_plain_name(const char *name)
{
	static const char suffix[] = "_strategy";
	StringInfoData out;

	initStringInfo(&out);
	for (const char *p = name; *p != '\0'; p++)
	{
		unsigned char c = (unsigned char) *p;

		/* a new word begins where a capital follows a small letter, or ends a run of capitals */
		if (isupper(c) && p > name &&
			(islower((unsigned char) p[-1]) || (isupper((unsigned char) p[-1]) && islower((unsigned char) p[1]))))
			appendStringInfoChar(&out, '_');
		appendStringInfoChar(&out, c == '-' || c == ' ' ? '_' : pg_ascii_tolower(c));
	}
	if (out.len > (int) sizeof(suffix) - 1 && strcmp(out.data + out.len - (sizeof(suffix) - 1), suffix) == 0)
		out.data[out.len - (sizeof(suffix) - 1)] = '\0';
	return strcmp(out.data, "z_score") == 0 ? pstrdup("zscore") :
		strcmp(out.data, "robust_z_score") == 0 ? pstrdup("robust_zscore") : out.data;
}

static int
find_param(const DpAnomalyStrategy *strategy, const char *name)
{
	for (int i = 0; i < DP_ANOMALY_MAX_PARAMS && strategy->params[i] != NULL; i++)
	{
		if (strcmp(strategy->params[i], name) == 0)
			return i;
	}
	return -1;
}

static void
unknown_param(const DpAnomalyStrategy *strategy, const char *name)
{
	StringInfoData known;

	initStringInfo(&known);
	for (int i = 0; i < DP_ANOMALY_MAX_PARAMS && strategy->params[i] != NULL; i++)
		appendStringInfo(&known, "%s%s", i > 0 ? ", " : "", strategy->params[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("strategy %s has no parameter \"%s\"", strategy->name, name),
			 errhint("Its parameters: %s.", known.data)));
}

DpAnomalyParams *
dp_anomaly_params(Jsonb *params, const DpAnomalyStrategy *strategy)
{
	DpAnomalyParams *p = palloc0(sizeof(DpAnomalyParams));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	p->strategy = strategy;
	if (params == NULL)
		return p;
	if (!JB_ROOT_IS_OBJECT(params))
		dp_anomaly_refuse("params must be an object", "Such as {\"max_rate_increase\": 2}.");
	it = JsonbIteratorInit(&params->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *name;
		int			place;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		place = find_param(strategy, dp_anomaly_plain_name(name));
		if (place < 0)
			unknown_param(strategy, name);
		(void) JsonbIteratorNext(&it, &v, true);
		p->given[place] = true;
		p->values[place] = v;
	}
	return p;
}

static const JsonbValue *
value_of(const DpAnomalyParams *p, const char *name)
{
	int			place = find_param(p->strategy, name);

	Assert(place >= 0);
	return p->given[place] ? &p->values[place] : NULL;
}

bool
dp_anomaly_given(const DpAnomalyParams *p, const char *name)
{
	const JsonbValue *v = value_of(p, name);

	return v != NULL && v->type != jbvNull;
}

bool
dp_anomaly_is_null(const DpAnomalyParams *p, const char *name)
{
	const JsonbValue *v = value_of(p, name);

	return v != NULL && v->type == jbvNull;
}

double
dp_anomaly_number(const DpAnomalyParams *p, const char *name, double otherwise)
{
	if (!dp_anomaly_given(p, name))
		return otherwise;
	if (value_of(p, name)->type != jbvNumeric)
		dp_anomaly_refuse(psprintf("parameter %s must be a number", name), NULL);
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(value_of(p, name)->val.numeric)));
}

int
dp_anomaly_integer(const DpAnomalyParams *p, const char *name, int otherwise)
{
	double		v = dp_anomaly_number(p, name, otherwise);

	if (v != floor(v) || fabs(v) > PG_INT32_MAX)
		dp_anomaly_refuse(psprintf("parameter %s must be a whole number", name), NULL);
	return (int) v;
}

bool
dp_anomaly_boolean(const DpAnomalyParams *p, const char *name, bool otherwise)
{
	if (!dp_anomaly_given(p, name))
		return otherwise;
	if (value_of(p, name)->type != jbvBool)
		dp_anomaly_refuse(psprintf("parameter %s must be true or false", name), NULL);
	return value_of(p, name)->val.boolean;
}

const char *
dp_anomaly_text(const DpAnomalyParams *p, const char *name, const char *otherwise)
{
	const JsonbValue *v;

	if (!dp_anomaly_given(p, name))
		return otherwise;
	v = value_of(p, name);
	if (v->type != jbvString)
		dp_anomaly_refuse(psprintf("parameter %s must be a text", name), NULL);
	return pnstrdup(v->val.string.val, v->val.string.len);
}
