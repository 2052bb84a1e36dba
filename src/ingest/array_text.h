/*-------------------------------------------------------------------------
 *
 * array_text.h
 *	  The text of a JSON array as the text of one of PostgreSQL's.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_INGEST_ARRAY_TEXT_H
#define DP_INGEST_ARRAY_TEXT_H

#include "postgres.h"

/*
 * What the input function of an array type reads, palloc'd; NULL when the text
 * is no JSON array.  "of_json": the elements are json or jsonb, so what they
 * hold stays JSON.
 */
extern char *dp_array_from_json(const char *text, bool of_json);

#endif							/* DP_INGEST_ARRAY_TEXT_H */
