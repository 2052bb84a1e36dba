/*-------------------------------------------------------------------------
 *
 * node_column.c
 *	  A node to the value of a column of any type.
 *
 * A column of jsonb takes the node as it is.  Any other takes its text, as the
 * member of a JSON object would be taken.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"

#include "avro/scalar.h"
#include "avro/tree.h"

/* A node as JSON text.  Recursion is bounded by the frames that made it. */
static bool
put_json(DpAvroReader *r, const DpNode *node, DpBuf *out, DpError *err)
{
	const DpNode *child;
	size_t		len;
	char	   *text;

	switch ((DpNodeKind) node->kind)
	{
		case DP_NODE_NULL:
			dp_avro_put(out, "null");
			return true;
		case DP_NODE_STRING:
			dp_avro_put_string(out, node->u.ptr, node->len);
			return true;
		case DP_NODE_ARRAY:
			child = r->d->tape.items + node->u.c.first;
			dp_avro_put(out, "[");
			for (uint32 i = 0; i < node->len; i++)
			{
				if (i > 0)
					dp_avro_put(out, ",");
				if (!put_json(r, &child[i], out, err))
					return false;
			}
			dp_avro_put(out, "]");
			return true;
		case DP_NODE_OBJECT:
			child = r->d->tape.items + node->u.c.first;
			dp_avro_put(out, "{");
			for (uint32 i = 0; i < node->len; i++)
			{
				if (i > 0)
					dp_avro_put(out, ",");
				dp_avro_put_string(out, child[2 * i].u.ptr, child[2 * i].len);
				dp_avro_put(out, ":");
				if (!put_json(r, &child[2 * i + 1], out, err))
					return false;
			}
			dp_avro_put(out, "}");
			return true;
		default:
			break;
	}
	text = dp_avro_node_text(r, node, &len, err);
	if (text == NULL)
		return false;
	dp_buf_append(out, text, len);
	return true;
}

/* JSON text in the arena, with a byte of headroom and a NUL behind it. */
static char *
json_text(DpAvroReader *r, const DpNode *node, size_t *len, DpError *err)
{
	DpBuf		buf = {0};
	char	   *copy = NULL;

	if (put_json(r, node, &buf, err))
	{
		copy = buf.oom ? NULL : dp_arena_alloc(&r->values, buf.len + 2 + DP_TEXT_PADDING);
		if (copy == NULL)
			dp_out_of_memory(err);
		else
		{
			memcpy(copy + 1, buf.data, buf.len);
			memset(copy + 1 + buf.len, 0, 1 + DP_TEXT_PADDING);
			*len = buf.len;
		}
	}
	dp_buf_free(&buf);
	return copy ? copy + 1 : NULL;
}

bool
dp_avro_node_to_jsonb(DpAvroReader *r, const DpNode *node, DpColumnValue *out, DpError *err)
{
	size_t		len;
	const char *jsonb = dp_jsonb_write(r->d, node, &len, err);
	char	   *copy;

	if (jsonb == NULL)
		return false;
	copy = dp_arena_alloc(&r->values, len);
	if (copy == NULL)
		return dp_out_of_memory(err);
	memcpy(copy, jsonb, len);
	out->value = PointerGetDatum(copy);
	out->isnull = false;
	out->deferred = false;
	return true;
}

/* A number for a date or time is one that no spelling could tell. */
static bool
is_time_type(Oid type)
{
	return type == DATEOID || type == TIMEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

bool
dp_avro_node_to_column(DpAvroReader *r, const DpColumn *col, const DpNode *node,
					   DpColumnValue *out, DpError *err)
{
	DpValueContext ctx = {r->d, &r->values, NULL};
	bool		json = col->type == JSONOID || node->kind == DP_NODE_ARRAY || node->kind == DP_NODE_OBJECT;
	char	   *text;
	size_t		len;

	if (node->kind == DP_NODE_NULL)
		return true;
	if (col->type == JSONBOID)
		return dp_avro_node_to_jsonb(r, node, out, err);
	if (node->kind == DP_NODE_SMALL && is_time_type(col->type))
		return dp_error_set(err, "22008", DP_NO_POSITION, "value of field \"%s\" is out of range for its column",
							col->shown);
	text = json ? json_text(r, node, &len, err) : dp_avro_node_text(r, node, &len, err);
	if (text == NULL)
		return false;
	ctx.base = text;
	if (dp_value_from_text(&ctx, col, text, len, true, out, err))
		return true;
	err->position = DP_NO_POSITION;
	return false;
}
