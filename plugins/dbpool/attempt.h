/* SPDX-License-Identifier: MIT */
/* attempt: a connection being made, on a thread of its own.
 *
 * libpq's asynchronous connect still looks up names and reads its files
 * synchronously, and a name server that is slow must not hold a read thread of
 * collectd. So each attempt has a thread that lives as long as the attempt;
 * whoever made it waits as long as it likes, then comes back later. */
#ifndef DBPOOL_ATTEMPT_H
#define DBPOOL_ATTEMPT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct attempt;

/* Starts to connect. keywords, values: as of PQconnectStartParams(), copied,
 * NULL at the end. timeout_ms: from the moment that names are looked up.
 * Returns NULL when memory or threads are short. */
struct attempt *attempt_start(const char *const *keywords,
                              const char *const *values, int64_t timeout_ms);

/* Waits until it is over, at most until deadline_ms (monotonic).
 * Returns true if it is over. */
bool attempt_wait(struct attempt *attempt, int64_t deadline_ms);

/* The result of one that is over, good or bad; yours, PQfinish(). NULL when
 * memory was short, or when it was taken before. */
PGconn *attempt_take(struct attempt *attempt);

/* Gives it up: the thread ends by itself at its next step. Waits for that at
 * most until deadline_ms (0: does not wait). Accepts NULL. */
void attempt_free(struct attempt *attempt, int64_t deadline_ms);

#endif
