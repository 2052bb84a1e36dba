/*-------------------------------------------------------------------------
 *
 * schema.c
 *	  How engines that know nothing of the server are interrupted by it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "formats/schema.h"

bool		(*dp_schema_interrupted) (void) = NULL;
