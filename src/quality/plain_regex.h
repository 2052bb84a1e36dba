/*
 * plain_regex.h: the regular expressions that rules mostly have, without the
 * general machine.
 *
 * Plain is a sequence of ASCII characters and sets of them ([a-z0-9_]), each
 * perhaps repeated (+ * ? {n} {n,m}), anchored at either end or not.  Whether it
 * matches is then the same by PostgreSQL's rules in each deterministic collation.
 */
#ifndef DP_QUALITY_PLAIN_REGEX_H
#define DP_QUALITY_PLAIN_REGEX_H

#include "nodes/primnodes.h"

/* text ~ constant and text !~ constant with plain patterns, as calls of plain_match(). Returns a copy. */
extern Expr *dp_plain_regex(Expr *expr);

#endif
