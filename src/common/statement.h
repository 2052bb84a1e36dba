/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  Statements that are planned once a session.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_COMMON_STATEMENT_H
#define DP_COMMON_STATEMENT_H

#include "executor/spi.h"

/*
 * SPI_execute_with_args for a statement that runs again and again with other
 * values: its plan is kept, for any values, as long as the session lives, and
 * the server makes it anew when what it reads has changed.  For statements
 * written in C only: they are told apart by their text and never forgotten.
 */
extern int	dp_statement_execute(const char *sql, int nargs, Oid *types, Datum *values,
								 const char *nulls, bool read_only, long count);

#endif							/* DP_COMMON_STATEMENT_H */
