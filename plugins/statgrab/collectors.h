/* SPDX-License-Identifier: MIT */
/* collectors: reads the statistics of each group and sends its values; logs
 * what cannot be read. */
#pragma once

#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "core/metric.h"
#include "statgrab/options.h"

struct collectors;

/* options: complete, borrowed. sink, log: copied.
 * *ret_collectors: yours, collectors_stop(). Returns 0 or negative errno. */
int collectors_new(const struct statgrab_options *options,
                   const struct sample_sink *sink, const struct log_sink *log,
                   struct collectors **ret_collectors, struct error *error);

/* Reads all groups to be collected but file systems. Values that cannot be read
 * are left out; this is logged once, then once an hour. now_ms: monotonic. One
 * thread at a time. */
void collectors_collect_groups(struct collectors *collectors, int64_t now_ms);

/* Reads file systems, waiting for them until deadline_ms (monotonic). One
 * thread at a time, which may run in parallel with collectors_collect_groups().
 */
void collectors_collect_filesystems(struct collectors *collectors,
                                    int64_t now_ms, int64_t deadline_ms);

/* Waits until deadline_ms for file systems that are being read. Accepts NULL.
 * Returns the number of threads that are still blocked by a file system; they
 * are abandoned. */
unsigned collectors_stop(struct collectors *collectors, int64_t deadline_ms);
