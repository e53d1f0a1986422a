/* SPDX-License-Identifier: MIT */
/* bouncer: one PgBouncer, asked at each read for all of its pools. */
#ifndef DBPOOL_BOUNCER_H
#define DBPOOL_BOUNCER_H

#include <stdint.h>

#include "dbpool/options.h"
#include "dbpool/outlets.h"

struct bouncer;

/* options, outlets: borrowed for good. Does not connect. Returns NULL when
 * memory is short. */
struct bouncer *bouncer_new(const struct bouncer_options *options,
                            const struct outlets *outlets);

/* Asks and sends the values of the PgBouncer and of each of its pools. Takes
 * no longer than the Timeout and half of interval_s; what takes longer is taken
 * at a later read. interval_s: from read to read. One thread at a time. */
void bouncer_read(struct bouncer *bouncer, double interval_s);

/* Ends the session; waits until deadline_ms (monotonic) for one that is being
 * made. Accepts NULL. */
void bouncer_free(struct bouncer *bouncer, int64_t deadline_ms);

#endif
