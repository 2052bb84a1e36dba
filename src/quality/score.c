/*-------------------------------------------------------------------------
 *
 * score.c
 *	  Keep the scores of each day, and forget old results.
 *
 * A day's scores are computed again while it lasts, so that they outlive the
 * results that they are made of.  What the many batches of a source leave is
 * folded into one validation an hour after a while.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/guc.h"

#include "launcher/launcher.h"
#include "quality/quality.h"

#define SECONDS_BETWEEN_SCORES 600
#define VALIDATIONS_A_TURN 10000
#define FOLDED_A_TURN 100000

static int	validation_retention = 90 * 24 * 60;
static int	batch_validation_retention = 24 * 60;

static void keep_scores(void);

void
dp_quality_score_init(void)
{
	DefineCustomIntVariable("dataplat.validation_retention",
							"How long results of validations are kept.",
							"The scores of each day stay, and so does the newest result of each expectation.",
							&validation_retention, 90 * 24 * 60, 60, INT_MAX / 60,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("dataplat.batch_validation_retention",
							"How long results of single batches are kept in which every rule passed.",
							"Then there is one validation an hour with their sums.",
							&batch_validation_retention, 24 * 60, 60, INT_MAX / 60,
							PGC_SIGHUP, GUC_UNIT_MIN, NULL, NULL, NULL);
	dp_maintenance_register("quality scores", SECONDS_BETWEEN_SCORES, keep_scores);
}

static void
keep_scores(void)
{
	SPI_connect();
	if (SPI_execute("SELECT dataplat_internal.record_quality_scores()", false, 0) != SPI_OK_SELECT ||
		SPI_execute(psprintf("SELECT dataplat_internal.fold_validations(pg_catalog.make_interval(mins => %d), %d)",
							 batch_validation_retention, FOLDED_A_TURN), false, 0) != SPI_OK_SELECT ||
		SPI_execute(psprintf("SELECT dataplat_internal.trim_validations(pg_catalog.make_interval(mins => %d), %d)",
							 validation_retention, VALIDATIONS_A_TURN), false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not keep the scores of quality");
	SPI_finish();
}
