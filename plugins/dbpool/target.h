/* SPDX-License-Identifier: MIT */
/* target: a server that is asked at each read, may be down, and must then
 * neither hold the reader up nor fill the log. */
#ifndef DBPOOL_TARGET_H
#define DBPOOL_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/log.h"
#include "dbpool/connection.h"

/* name: what log lines begin with, "pool \"trading\"". All are borrowed but
 * the connection, which is taken. */
struct target {
  const char *name;
  struct connection *connection;
  int64_t timeout_ms;
  const struct log_sink *report;
  struct complaint complaint;
  int64_t give_up_ms; /* on what earlier reads have begun; 0: nothing */
};

/* Asks an open connection until deadline_ms. Returns 0 or negative errno;
 * -EAGAIN: is called again at the next read. */
typedef int target_talk(void *context, struct connection *connection,
                        int64_t deadline_ms, struct error *error);

/* Connects if need be and talks. Waits no longer than the target's timeout,
 * half of interval_ms and a second, and half as long for a target that is known
 * to be down. What takes longer goes on behind: a later read takes it, or gives
 * it up when the timeout is over. A session that turns out to have
 * died since the last read is replaced on the spot. The fault is reported when
 * it is certain, then hourly; its end once.
 * Returns 0; -EAGAIN while it is open what will come of it; or what failed. */
int target_ask(struct target *target, int64_t interval_ms, target_talk *talk,
               void *context);

/* Closes the connection. Waits for a thread that still connects, at most
 * until deadline_ms. */
void target_fini(struct target *target, int64_t deadline_ms);

#endif
