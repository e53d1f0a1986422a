/* SPDX-License-Identifier: MIT */
/* target: a server that is asked at each read and may be down. */
#include "dbpool/target.h"

#include <errno.h>
#include <inttypes.h>

#include "core/clock.h"

/* collectd cannot stop while a read waits, and is to stop within 2 s. */
#define PATIENCE_MAX_MS 1000

static int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t patience_ms(const struct target *target, int64_t interval_ms) {
  int64_t patience_ms = min_of(target->timeout_ms, interval_ms / 2);
  patience_ms = min_of(patience_ms, PATIENCE_MAX_MS);
  return target->complaint.is_open ? patience_ms / 2 : patience_ms;
}

static int ask_once(struct target *target, int64_t deadline_ms,
                    target_talk *talk, void *context, struct error *error) {
  int code = connection_open(target->connection, deadline_ms, error);
  return code != 0 ? code
                   : talk(context, target->connection, deadline_ms, error);
}

static void complain(struct target *target, const struct error *error) {
  if (!complaint_fail(&target->complaint, clock_monotonic_ms())) {
    return;
  }
  if (target->complaint.count == 1) {
    log_write(target->report, LOG_LEVEL_ERROR,
              "%s: %s; trying again at each read", target->name, error->text);
  } else {
    log_write(target->report, LOG_LEVEL_ERROR,
              "%s: %s; has failed %" PRIu64 " times by now", target->name,
              error->text, target->complaint.count);
  }
}

static void praise(struct target *target) {
  int64_t lasted_ms = 0;
  if (complaint_clear(&target->complaint, clock_monotonic_ms(), &lasted_ms)) {
    log_write(target->report, LOG_LEVEL_NOTICE,
              "%s: answers again after %" PRId64 " s", target->name,
              (lasted_ms + 500) / 1000);
  }
}

int target_ask(struct target *target, int64_t interval_ms, target_talk *talk,
               void *context) {
  struct error error = {{0}};
  int64_t now_ms = clock_monotonic_ms();
  if (target->give_up_ms == 0) {
    target->give_up_ms = now_ms + target->timeout_ms;
  }
  int64_t deadline_ms =
      min_of(target->give_up_ms, now_ms + patience_ms(target, interval_ms));
  bool was_open = connection_session(target->connection) != NULL;
  int code = ask_once(target, deadline_ms, talk, context, &error);
  if (code == -EPIPE && was_open) {
    code = ask_once(target, deadline_ms, talk, context, &error);
  }
  if (code == -EAGAIN && clock_monotonic_ms() < target->give_up_ms) {
    return target->complaint.is_open ? -ETIMEDOUT : code;
  }
  target->give_up_ms = 0;
  if (code == -EAGAIN) {
    connection_close(target->connection);
    code = -ETIMEDOUT;
  }
  if (code != 0) {
    complain(target, &error);
  } else {
    praise(target);
  }
  return code;
}

void target_fini(struct target *target, int64_t deadline_ms) {
  connection_free(target->connection, deadline_ms);
  target->connection = NULL;
}
