/* SPDX-License-Identifier: MIT */
/* response_snapshot: what other threads see of a response. */
#include "resource_alert/responses/response_snapshot.h"

#include "core/clock.h"

#define STUCK_MS 10000

void response_snapshot_init(struct response_snapshot *snapshot) {
  (void)pthread_mutex_init(&snapshot->lock, NULL);
}

void response_snapshot_fini(struct response_snapshot *snapshot) {
  json_decref(snapshot->json);
  (void)pthread_mutex_destroy(&snapshot->lock);
}

void response_snapshot_update(struct response_snapshot *snapshot,
                              const struct response_report *report,
                              const struct action_runner *runners,
                              int64_t engaged_s, enum action_mode mode) {
  json_t *now = response_report_to_json(report, runners, engaged_s, mode);
  struct response_next next = response_report_find_next(report, runners);
  atomic_store(&snapshot->level, response_count_actions_on(report->response));
  (void)pthread_mutex_lock(&snapshot->lock);
  json_t *before = snapshot->json;
  snapshot->json = now;
  snapshot->next = next;
  (void)pthread_mutex_unlock(&snapshot->lock);
  json_decref(before);
  atomic_store(&snapshot->begun_ms, 0);
}

json_t *response_snapshot_copy(struct response_snapshot *snapshot) {
  (void)pthread_mutex_lock(&snapshot->lock);
  json_t *copy = json_deep_copy(snapshot->json);
  struct response_next next = snapshot->next;
  (void)pthread_mutex_unlock(&snapshot->lock);
  if (copy != NULL) {
    json_t *fresh = json_pack(
        "{s:o, s:I, s:I, s:I}", "next", response_report_next_to_json(&next),
        "done", (json_int_t)atomic_load(&snapshot->done), "failed",
        (json_int_t)atomic_load(&snapshot->failed), "blocked",
        (json_int_t)atomic_load(&snapshot->blocked));
    (void)json_object_update(copy, fresh);
    json_decref(fresh);
  }
  return copy;
}

void response_snapshot_publish(struct response_snapshot *snapshot,
                               const char *name,
                               const struct action_runner *runners,
                               size_t runners_len,
                               const struct sample_sink *sink) {
  sample_put_gauge(sink, name, "degradation_level", "",
                   (double)atomic_load(&snapshot->level));
  for (size_t i = 0; i < runners_len; i++) {
    int64_t replicas = atomic_load(&runners[i].replicas);
    if (replicas >= 0) {
      sample_put_gauge(sink, name, "replicas", runners[i].subject,
                       (double)replicas);
    }
  }
  sample_put_derive(sink, name, "derive", "actions_done",
                    (int64_t)atomic_load(&snapshot->done));
  sample_put_derive(sink, name, "derive", "actions_failed",
                    (int64_t)atomic_load(&snapshot->failed));
  sample_put_derive(sink, name, "derive", "actions_blocked",
                    (int64_t)atomic_load(&snapshot->blocked));
}

void response_snapshot_report_problems(struct response_snapshot *snapshot,
                                       const char *name,
                                       const struct log_sink *sink) {
  int64_t begun_ms = atomic_load(&snapshot->begun_ms);
  int64_t busy_ms = begun_ms == 0 ? 0 : clock_monotonic_ms() - begun_ms;
  if (busy_ms > STUCK_MS) {
    log_write(sink, LOG_LEVEL_ERROR,
              "response \"%s\": its thread has hung for %lld s", name,
              (long long)busy_ms / 1000);
  }
}
