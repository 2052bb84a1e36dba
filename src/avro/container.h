/*-------------------------------------------------------------------------
 *
 * container.h
 *	  Avro's object container files.
 *
 *-------------------------------------------------------------------------
 */
#ifndef DP_AVRO_CONTAINER_H
#define DP_AVRO_CONTAINER_H

#include "postgres.h"

#include "avro/avro.h"

#define DP_AVRO_SYNC_BYTES 16

/* A file in memory and the block that is being read.  Zeroes: none. */
typedef struct DpAvroFile
{
	const char *src;
	const char *at;				/* behind the last block */
	const char *end;
	char		sync[DP_AVRO_SYNC_BYTES];
	bool		deflate;
	DpSchema   *schema;
	DpMessageReader *reader;
	DpBuf		block;			/* decompressed, padded */
	size_t		used;			/* of the block */
	int64		left;			/* values in it that are still to come */
} DpAvroFile;

/* Read the header.  "src" must stay.  False and *err; close it in any case. */
extern bool dp_avro_file_open(DpAvroFile *file, const char *src, size_t len, DpError *err);

/*
 * The next value as a jsonb, valid until the next call; NULL at the end of the
 * file, with an empty err->sqlstate, and on errors.
 */
extern const char *dp_avro_file_next(DpAvroFile *file, size_t *outlen, DpError *err);
extern void dp_avro_file_close(DpAvroFile *file);

#endif							/* DP_AVRO_CONTAINER_H */
