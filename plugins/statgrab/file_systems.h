/* SPDX-License-Identifier: MIT */
/* file_systems: which are mounted, how full they are, which do not answer. */
#ifndef STATGRAB_FILE_SYSTEMS_H
#define STATGRAB_FILE_SYSTEMS_H

#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "statgrab/options.h"
#include "statgrab/outlet.h"
#include "statgrab/source.h"

struct file_systems;

/* options, root: borrowed; source, outlets, log: copied.
 * *ret_file_systems: yours, file_systems_free(). Returns 0 or negative errno.
 */
int file_systems_new(const struct df_options *options,
                     const struct source *source, const char *root,
                     const struct outlets *outlets, const struct log_sink *log,
                     struct file_systems **ret_file_systems,
                     struct error *error);

/* Puts the values of those that answer until deadline_ms (monotonic); says
 * which do not, and goes on without them. Returns 0, or negative errno where
 * not even the list can be had. One thread at a time. */
int file_systems_put(struct file_systems *fs, int64_t deadline_ms,
                     struct error *error);

/* Waits for what is under way until deadline_ms and leaves the rest behind.
 * Accepts NULL. Returns the number of threads that still wait for a file
 * system. */
unsigned file_systems_free(struct file_systems *fs, int64_t deadline_ms);

#endif
