/* SPDX-License-Identifier: MIT */
/* filesystems: reads the usage of the mounted file systems without waiting for
 * one that does not respond. */
#pragma once

#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "statgrab/emitter.h"
#include "statgrab/options.h"
#include "statgrab/source.h"

struct filesystems;

/* options, driver: borrowed; source, emitter, log: copied.
 * *ret_filesystems: yours, filesystems_stop(). Returns 0 or negative errno. */
int filesystems_new(const struct df_options *options,
                    const struct source *source, struct source_driver *driver,
                    const struct emitter *emitter, const struct log_sink *log,
                    struct filesystems **ret_filesystems, struct error *error);

/* Sends the values of the file systems that respond before deadline_ms
 * (monotonic), and logs which do not. Returns 0, or negative errno where the
 * list of mounts cannot be read. One thread at a time. */
int filesystems_collect(struct filesystems *fs, int64_t deadline_ms,
                        struct error *error);

/* Waits for unfinished queries until deadline_ms and abandons the rest.
 * Accepts NULL. Returns the number of threads that are still blocked. */
unsigned filesystems_stop(struct filesystems *fs, int64_t deadline_ms);
