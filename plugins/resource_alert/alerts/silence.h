/* SPDX-License-Identifier: MIT */
/* silence: rules and series for which no notifications are sent until a time.
 * They are still evaluated, shown and journaled. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"

#define SILENCES_MAX 256

struct silences;

/* A request for a silence; strings borrowed for the call. */
struct silence_request {
  const char *pattern; /* a glob for the name of a rule or of a series */
  int64_t until_ms;    /* since the epoch */
  const char *who;
  const char *comment;
};

/* Restores the silences that PATH holds (core/append_log.h). path: copied;
 * NULL: they end with the process. now_ms: since the epoch. log: copied.
 * Returns 0, -ENOMEM or -EAGAIN (no thread). */
int silences_open(const char *path, int64_t now_ms, const struct log_sink *log,
                  struct silences **ret_silences, struct error *error);

/* Accepts NULL. */
void silences_close(struct silences *silences);

/* Adds a silence, or replaces the one with the same pattern. For one thread at
 * a time, as silences_remove(). now_ms: since the epoch.
 * Returns 0; -EINVAL for a bad pattern or an end that has passed; -ENOSPC. */
int silences_add(struct silences *silences,
                 const struct silence_request *request, int64_t now_ms,
                 struct error *error);

/* Returns 0 or -ENOENT. */
int silences_remove(struct silences *silences, const char *pattern,
                    int64_t now_ms, struct error *error);

/* Rewrites the file after a failed write; to be called every few seconds. Any
 * thread; waits for no disk. */
void silences_rewrite_if_due(struct silences *silences, int64_t now_ms);

/* As append_log_is_saving(). */
bool silences_is_saving(const struct silences *silences);

/* True if this rule or this series is not to be notified now. Any thread.
 * silences may be NULL; rule, series: "" where there is none. */
bool silences_cover(struct silences *silences, const char *rule,
                    const char *series, int64_t now_ms);

/* [{"name","until","who","comment"}], until in seconds since the epoch. Any
 * thread. Yours; NULL without memory. */
json_t *silences_to_json(struct silences *silences, int64_t now_ms);
