/* SPDX-License-Identifier: MIT */
/* status: what the plugin answers when it is asked, and the orders it takes.
 * This file has the life and the snapshot; status_answer.c what is said to
 * whom; status_orders.c what is obeyed. */
#include "resource_alert/status/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/worker_thread.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/status/http_listen.h"
#include "resource_alert/status/status_parts.h"

#define STATUS_FRESH_MS 500
#define EVENTS_MAX 30

/* ---- the snapshot ---- */

static double wall_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

const char *status_worst(const json_t *rules) {
  static const char *const names[] = {"UNKNOWN", "OKAY", "MISSING", "WARNING",
                                      "FAILURE"};
  size_t worst = 0;
  for (size_t i = 0; i < json_array_size(rules); i++) {
    const char *state =
        json_string_value(json_object_get(json_array_get(rules, i), "state"));
    for (size_t j = worst + 1; state != NULL && j < 5; j++) {
      worst = strcmp(state, names[j]) == 0 ? j : worst;
    }
  }
  return names[worst];
}

static json_t *array_or_empty(json_t *array) {
  return array == NULL ? json_array() : array;
}

static void mark_silenced(struct status *status, json_t *rules,
                          const json_t *silences, double now_s) {
  for (size_t i = 0; i < json_array_size(rules); i++) {
    json_t *rule = json_array_get(rules, i);
    const char *name = json_string_value(json_object_get(rule, "name"));
    if (name == NULL || !silences_cover(status->deps.silences, name, "",
                                        (int64_t)(now_s * 1000))) {
      continue;
    }
    for (size_t j = 0; j < json_array_size(silences); j++) {
      const json_t *silence = json_array_get(silences, j);
      const char *pattern = json_string_value(json_object_get(silence, "name"));
      if (pattern != NULL && strcmp(pattern, name) == 0) {
        (void)json_object_set(rule, "silenced_until",
                              json_object_get(silence, "until"));
      }
    }
    (void)json_object_set_new(rule, "silenced", json_true());
  }
}

static json_t *take_rules(struct status *status) {
  const struct status_source *source = &status->deps.source;
  return array_or_empty(source->rules == NULL ? NULL
                                              : source->rules(source->context));
}

static json_t *make_snapshot(struct status *status) {
  const struct status_source *source = &status->deps.source;
  double now_s = wall_s();
  json_t *rules = take_rules(status);
  json_t *silences =
      status->deps.silences == NULL
          ? json_array()
          : silences_snapshot(status->deps.silences, (int64_t)(now_s * 1000));
  mark_silenced(status, rules, silences, now_s);
  status_history_tell(&status->history, rules);
  json_t *responses =
      array_or_empty(status->deps.responses == NULL
                         ? NULL
                         : responses_snapshot(status->deps.responses));
  json_t *counts =
      source->counts == NULL ? json_object() : source->counts(source->context);
  const char *worst = status_worst(rules);
  return json_pack(
      "{si ss sf ss ss so so so so so}", "version", STATUS_VERSION, "host",
      status->deps.host, "time", now_s, "mode", status->deps.mode, "worst",
      worst, "rules", rules, "responses", responses, "silences", silences,
      "events",
      array_or_empty(journal_recent(status->deps.journal, EVENTS_MAX)),
      "counts", counts);
}

json_t *status_take(struct status *status) {
  int64_t now_ms = clock_monotonic_ms();
  if (status->snapshot == NULL ||
      now_ms - status->snapshot_ms >= STATUS_FRESH_MS) {
    json_decref(status->snapshot);
    status->snapshot = make_snapshot(status);
    status->snapshot_ms = now_ms;
  }
  return status->snapshot;
}

/* ---- history ---- */

static void *take_history(void *argument) {
  struct status *status = argument;
  struct timespec until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  (void)pthread_mutex_lock(&status->lock);
  while (!status->is_stopping) {
    json_t *rules = take_rules(status);
    (void)status_history_take(&status->history, rules); /* or no picture */
    json_decref(rules);
    until.tv_sec += STATUS_HISTORY_STEP_S;
    while (!status->is_stopping &&
           pthread_cond_timedwait(&status->has_news, &status->lock, &until) !=
               ETIMEDOUT) {
    }
  }
  (void)pthread_mutex_unlock(&status->lock);
  return NULL;
}

/* ---- life ---- */

static int open_door(struct status_door *door, int descriptor,
                     struct http_server **ret_server, struct error *error) {
  const struct http_handler handler = {.answer = status_answer,
                                       .context = door};
  return descriptor < 0
             ? descriptor
             : http_server_new(descriptor, &handler, ret_server, error);
}

/* What cannot be opened is said; the table is judged without it. */
static void open_doors(struct status *status) {
  const struct status_options *options = status->deps.options;
  status->public_door = (struct status_door){status, false};
  status->control_door = (struct status_door){status, true};
  struct error error = {{0}};
  if (options->listen != NULL &&
      open_door(&status->public_door, http_listen_tcp(options->listen, &error),
                &status->public_server, &error) != 0) {
    log_write(&status->deps.log, LOG_LEVEL_ERROR,
              "StatusListen: %s; nobody is answered there", error.text);
  }
  if (options->control_socket != NULL &&
      open_door(&status->control_door,
                http_listen_unix(options->control_socket,
                                 options->control_group, &error),
                &status->control_server, &error) != 0) {
    log_write(&status->deps.log, LOG_LEVEL_ERROR,
              "ControlSocket: %s; no orders are taken", error.text);
  }
}

static int start_history(struct status *status, struct error *error) {
  int code = worker_thread_create(&status->thread, NULL, take_history, status);
  status->has_thread = code == 0;
  return code == 0
             ? 0
             : error_set(error, code, "status: no thread: %s", strerror(-code));
}

int status_start(const struct status_deps *deps, struct status **ret,
                 struct error *error) {
  struct status *status = calloc(1, sizeof(*status));
  if (status == NULL) {
    return error_set(error, -ENOMEM, "status: out of memory");
  }
  status->deps = *deps;
  pthread_condattr_t monotonic;
  (void)pthread_condattr_init(&monotonic);
  (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  (void)pthread_mutex_init(&status->lock, NULL);
  (void)pthread_cond_init(&status->has_news, &monotonic);
  (void)pthread_condattr_destroy(&monotonic);
  open_doors(status);
  bool is_open =
      status->public_server != NULL || status->control_server != NULL;
  int code = is_open ? start_history(status, error) : 0;
  if (code != 0) {
    status_stop(status);
    return code;
  }
  *ret = status;
  return 0;
}

void status_stop(struct status *status) {
  if (status == NULL) {
    return;
  }
  http_server_free(status->public_server);
  if (status->control_server != NULL) {
    (void)unlink(status->deps.options->control_socket);
  }
  http_server_free(status->control_server);
  (void)pthread_mutex_lock(&status->lock);
  status->is_stopping = true;
  (void)pthread_cond_signal(&status->has_news);
  (void)pthread_mutex_unlock(&status->lock);
  if (status->has_thread) {
    (void)pthread_join(status->thread, NULL);
  }
  json_decref(status->snapshot);
  status_history_fini(&status->history);
  (void)pthread_cond_destroy(&status->has_news);
  (void)pthread_mutex_destroy(&status->lock);
  free(status);
}
