/* SPDX-License-Identifier: MIT */
/* target: a server that is asked at each read and may be down. */
#include "dbpool/target.h"

#include <errno.h>
#include <inttypes.h>

#include "core/deadline.h"

static int64_t patience_ms(const struct target *target, int64_t interval_ms) {
  int64_t half_ms = target->timeout_ms / 2;
  if (!target->complaint.is_open) {
    return target->timeout_ms;
  }
  return half_ms < interval_ms / 2 ? half_ms : interval_ms / 2;
}

static int ask_once(struct target *target, int64_t deadline_ms,
                    target_talk *talk, void *context, struct error *error) {
  int code = connection_open(target->connection, deadline_ms, error);
  return code != 0 ? code
                   : talk(context, target->connection, deadline_ms, error);
}

static void complain(struct target *target, const struct error *error) {
  if (!complaint_fail(&target->complaint, monotonic_ms())) {
    return;
  }
  if (target->complaint.count == 1) {
    report(target->report, REPORT_ERROR, "%s: %s; trying again at each read",
           target->name, error->text);
  } else {
    report(target->report, REPORT_ERROR,
           "%s: %s; has failed %" PRIu64 " times by now", target->name,
           error->text, target->complaint.count);
  }
}

static void praise(struct target *target) {
  int64_t lasted_ms = 0;
  if (complaint_clear(&target->complaint, monotonic_ms(), &lasted_ms)) {
    report(target->report, REPORT_NOTICE,
           "%s: answers again after %" PRId64 " s", target->name,
           (lasted_ms + 500) / 1000);
  }
}

int target_ask(struct target *target, int64_t interval_ms, target_talk *talk,
               void *context) {
  struct error error = {{0}};
  int64_t deadline_ms = monotonic_ms() + patience_ms(target, interval_ms);
  bool was_open = connection_session(target->connection) != NULL;
  int code = ask_once(target, deadline_ms, talk, context, &error);
  if (code == -EPIPE && was_open) {
    code = ask_once(target, deadline_ms, talk, context, &error);
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
