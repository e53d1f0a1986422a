/* SPDX-License-Identifier: MIT */
/* status: the HTTP servers for status requests and control commands.
 *
 * Each socket has its own server and thread. They share the lock, which is held
 * while a snapshot is taken and turned into JSON; the history thread takes it
 * every 30 s. */
#include "resource_alert/status/status.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"
#include "resource_alert/alerts/engine.h"
#include "resource_alert/status/snapshot.h"
#include "resource_alert/status/status_text.h"
#include "resource_alert/status/switch_api.h"
#include "resource_alert/status/switch_readers.h"

/* A snapshot locks every series once, which takes milliseconds with 100,000 of
 * them: requests in quick succession share one. */
#define SNAPSHOT_AGE_MS_MAX 500
#define STUCK_MS 10000

struct status_listener {
  struct status *status;
  bool is_writable;           /* accepts commands */
  struct http_server *server; /* NULL: none */
};

struct status {
  struct status_deps deps;
  struct status_listener read_only; /* StatusListen */
  struct status_listener control;   /* ControlSocket */
  char system_name[HOST_NAME_MAX + 1];
  char *token; /* owned; NULL: none, or it could not be read */
  pthread_t history_thread;
  bool has_history_thread;
  _Atomic int64_t history_ms; /* monotonic: when its thread came round */

  pthread_mutex_t lock;          /* guards the rest */
  pthread_cond_t stop_requested; /* is_stopping */
  bool is_stopping;
  struct snapshot_history history;
  struct snapshot *snapshot; /* the last one; NULL: none */
  int64_t snapshot_ms;       /* monotonic: when it was made */
  json_t *json;              /* made of that snapshot; NULL: not yet */
};

/* ---- requests ---- */

/* Yours, snapshot_free(); NULL when memory is short. Without an engine it has
 * no rules. */
static struct snapshot *take_engine_snapshot(const struct status *status) {
  struct engine *engine = status->deps.engine;
  return engine == NULL
             ? snapshot_take(NULL, NULL)
             : snapshot_take(engine_rules(engine), engine_table(engine));
}

/* Under the lock. */
static void drop_snapshot(struct status *status) {
  snapshot_free(status->snapshot);
  status->snapshot = NULL;
  json_decref(status->json);
  status->json = NULL;
}

/* Returns the last snapshot if it is recent, else a new one; borrowed while the
 * lock is held. NULL without memory. Under the lock. */
static const struct snapshot *renew_cached_snapshot(struct status *status) {
  int64_t now_ms = clock_monotonic_ms();
  if (status->snapshot == NULL ||
      now_ms - status->snapshot_ms >= SNAPSHOT_AGE_MS_MAX) {
    drop_snapshot(status);
    status->snapshot = take_engine_snapshot(status);
    status->snapshot_ms = now_ms;
  }
  return status->snapshot;
}

/* The status as the table that resource-alertctl prints. json: NULL: there is
 * no memory. */
static void set_text_reply(const json_t *json,
                           struct http_server_reply *reply) {
  reply->type = "text/plain; charset=utf-8";
  reply->status = 500;
  reply->constant_body = "";
  const struct status_text_target to = {
      .file = open_memstream(&reply->body, &reply->bytes)};
  if (to.file != NULL) {
    status_text_print(json, &to);
    bool is_whole = fclose(to.file) == 0 && json != NULL;
    reply->status = is_whole ? 200 : 500;
  }
}

enum reply_form { REPLY_HEALTH, REPLY_JSON, REPLY_TEXT };

/* Under the lock, so that requests in quick succession make one snapshot and
 * one JSON document. */
static void fill_status_reply(struct status *status, enum reply_form form,
                              const char *rules,
                              struct http_server_reply *reply) {
  (void)pthread_mutex_lock(&status->lock);
  const struct snapshot *snapshot = renew_cached_snapshot(status);
  if (snapshot == NULL) {
    http_server_set_json(reply, 500, NULL);
  } else if (form == REPLY_HEALTH) {
    status_set_health(&status->deps, snapshot, rules, reply);
  } else {
    if (status->json == NULL) {
      status->json = status_to_json(&status->deps, snapshot, &status->history);
    }
    if (form == REPLY_TEXT) {
      set_text_reply(status->json, reply);
    } else {
      http_server_set_json(reply, 200, json_incref(status->json));
    }
  }
  (void)pthread_mutex_unlock(&status->lock);
}

/* "/health/" is what some health checks ask for. */
static bool is_path(const char *asked, const char *path) {
  size_t length = strlen(path);
  return strncmp(asked, path, length) == 0 &&
         (asked[length] == '\0' || strcmp(asked + length, "/") == 0);
}

/* HAProxy's health check sends OPTIONS by default. */
static bool is_read_method(const char *method) {
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
         strcmp(method, "OPTIONS") == 0;
}

/* The weight that a list of languages, as in "zh-CN,zh;q=0.9,en;q=0.8", gives
 * to LANGUAGE, of two letters: 0 to 1. */
static double find_language_weight(const char *languages,
                                   const char *language) {
  double most = 0;
  for (const char *at = languages; at != NULL && *at != '\0';) {
    at += strspn(at, ", ");
    size_t length = strcspn(at, ",");
    double weight = 1;
    if (strncasecmp(at, language, 2) == 0 && strchr("-;, ", at[2]) != NULL) {
      const char *q = memchr(at, '=', length);
      weight = q == NULL ? 1 : strtod(q + 1, NULL);
      most = weight > most ? weight : most;
    }
    at += length;
  }
  return most;
}

bool status_prefers_chinese(const char *languages) {
  return find_language_weight(languages, "zh") >
         find_language_weight(languages, "en");
}

static void set_page_reply(const char *languages,
                           struct http_server_reply *reply) {
  const struct status_page *page =
      status_prefers_chinese(languages) ? &status_page_zh : &status_page_en;
  *reply = (struct http_server_reply){.status = 200,
                                      .type = "text/html; charset=utf-8",
                                      .constant_body = page->text,
                                      .bytes = page->bytes};
}

/* A probe cannot log in, and what it reads is no secret. Takes the same time
 * wherever the tokens differ. */
static bool may_read(const struct status *status,
                     const struct http_server_request *request) {
  static const char scheme[] = "Bearer ";
  const char *token = status->token == NULL ? "" : status->token;
  const char *given = request->authorization;
  if (status->deps.options->token_file == NULL || request->is_local ||
      is_path(request->path, "/health") || is_path(request->path, "/live")) {
    return true;
  }
  if (given == NULL || strncmp(given, scheme, sizeof(scheme) - 1) != 0) {
    return false;
  }
  given += sizeof(scheme) - 1;
  size_t length = strlen(token);
  unsigned char differs = strlen(given) != length || length == 0;
  for (size_t i = 0; differs == 0 && i < length; i++) {
    differs = (unsigned char)(differs | (given[i] ^ token[i]));
  }
  return differs == 0;
}

void status_handle_request(struct status *status, bool is_writable,
                           const struct http_server_request *request,
                           struct http_server_reply *reply) {
  if (!may_read(status, request)) {
    http_server_set_json(reply, 401,
                         json_pack("{ss}", "error",
                                   "send the token of StatusTokenFile: "
                                   "Authorization: Bearer TOKEN"));
    return;
  }
  if (switch_api_handle(&status->deps, request, reply)) {
    return;
  }
  bool is_command = is_writable && strcmp(request->method, "POST") == 0;
  if (is_command && status_handle_command(&status->deps, request, reply)) {
    (void)pthread_mutex_lock(&status->lock);
    drop_snapshot(status); /* the next request sees the change */
    (void)pthread_mutex_unlock(&status->lock);
    return;
  }
  if (!is_read_method(request->method)) {
    http_server_set_json(
        reply, 405,
        json_pack("{ss}", "error",
                  is_writable
                      ? "no such command"
                      : "read only: send commands to the ControlSocket"));
  } else if (strcmp(request->path, "/") == 0) {
    set_page_reply(request->languages, reply);
  } else if (is_path(request->path, "/status")) {
    fill_status_reply(status, REPLY_JSON, NULL, reply);
  } else if (is_path(request->path, "/status.txt")) {
    fill_status_reply(status, REPLY_TEXT, NULL, reply);
  } else if (is_path(request->path, "/health")) {
    fill_status_reply(status, REPLY_HEALTH, request->rules, reply);
  } else if (is_path(request->path, "/live")) {
    http_server_set_json(reply, 200, json_pack("{sb}", "live", 1));
  }
}

/* For http_server_handler; context: struct status_listener. */
static void handle_listener_request(void *context,
                                    const struct http_server_request *request,
                                    struct http_server_reply *reply) {
  const struct status_listener *listener = context;
  status_handle_request(listener->status, listener->is_writable, request,
                        reply);
}

/* ---- the history ---- */

/* The thread: a point for each rule every 30 s, at times that do not drift. */
static void *record_history(void *argument) {
  struct status *status = argument;
  int64_t next_ms = clock_monotonic_ms();
  (void)pthread_mutex_lock(&status->lock);
  while (!status->is_stopping) {
    struct snapshot *snapshot = take_engine_snapshot(status);
    if (snapshot != NULL) { /* else this point is missing */
      (void)snapshot_history_add(&status->history, snapshot);
    }
    snapshot_free(snapshot);
    atomic_store(&status->history_ms, clock_monotonic_ms());
    next_ms += SNAPSHOT_HISTORY_STEP_S * INT64_C(1000);
    while (!status->is_stopping &&
           clock_cond_wait(&status->stop_requested, &status->lock, next_ms)) {
    }
  }
  (void)pthread_mutex_unlock(&status->lock);
  return NULL;
}

/* ---- problems ---- */

static void report_hung_thread(const char *name, int64_t hung_ms,
                               const struct log_sink *sink) {
  if (hung_ms > STUCK_MS) {
    log_write(sink, LOG_LEVEL_ERROR, "%s: its thread has hung for %lld s", name,
              (long long)hung_ms / 1000);
  }
}

void status_report_problems(struct status *status,
                            const struct log_sink *sink) {
  if (status == NULL) {
    return;
  }
  report_hung_thread("StatusListen",
                     http_server_busy_ms(status->read_only.server), sink);
  report_hung_thread("ControlSocket",
                     http_server_busy_ms(status->control.server), sink);
  if (status->has_history_thread) {
    report_hung_thread("history",
                       clock_monotonic_ms() - atomic_load(&status->history_ms) -
                           SNAPSHOT_HISTORY_STEP_S * INT64_C(1000),
                       sink);
  }
}

/* ---- life ---- */

/* descriptor: taken; negative: the error of opening it. names: NULL: the
 * socket is reached by no name. */
static int start_listener(struct status_listener *listener, int descriptor,
                          const struct http_server_names *names,
                          struct error *error) {
  const struct http_server_handler handler = {.handle = handle_listener_request,
                                              .context = listener};
  return descriptor < 0 ? descriptor
                        : http_server_start(descriptor, names, &handler,
                                            &listener->server, error);
}

/* A port that is taken must not keep the plugin from watching, so it is only
 * logged. */
static void start_listeners(struct status *status) {
  const struct status_options *options = status->deps.options;
  status->read_only = (struct status_listener){status, false, NULL};
  status->control = (struct status_listener){status, true, NULL};
  const struct http_server_names names = {
      .own = {status->deps.host, status->system_name},
      .patterns = &options->hosts};
  struct error error = {{0}};
  (void)gethostname(status->system_name, sizeof(status->system_name) - 1);
  if (options->listen != NULL &&
      start_listener(&status->read_only,
                     http_listen_tcp(options->listen, &error), &names,
                     &error) != 0) {
    log_write(&status->deps.log, LOG_LEVEL_ERROR,
              "StatusListen: %s; the status page is disabled", error.text);
  }
  if (options->control_socket != NULL &&
      start_listener(&status->control,
                     http_listen_unix(options->control_socket,
                                      options->control_group, &error),
                     NULL, &error) != 0) {
    log_write(&status->deps.log, LOG_LEVEL_ERROR,
              "ControlSocket: %s; control commands are disabled", error.text);
  }
}

/* Only where somebody can ask for it: see status_start(). */
static int start_history_thread(struct status *status, struct error *error) {
  atomic_store(&status->history_ms, clock_monotonic_ms());
  int code = worker_thread_create_without_signals(&status->history_thread, NULL,
                                                  record_history, status);
  status->has_history_thread = code == 0;
  return code == 0 ? 0
                   : error_set(error, code, "status: cannot start a thread: %s",
                               strerror(-code));
}

/* Nobody from elsewhere gets in while the token cannot be read. */
static void load_token(struct status *status) {
  struct error error = {{0}};
  const char *path = status->deps.options->token_file;
  if (path != NULL &&
      trusted_path_read_secret(path, false, &status->token, &error) != 0) {
    log_write(&status->deps.log, LOG_LEVEL_ERROR,
              "StatusTokenFile: %s; only this machine can read the status",
              error.text);
  }
}

void status_take_reading(struct status *status, const struct reading *reading) {
  if (status != NULL) {
    health_values_take(status->deps.health, reading, clock_monotonic_ms());
  }
}

int status_start(const struct status_deps *deps, struct status **ret,
                 struct error *error) {
  struct status *status = calloc(1, sizeof(*status));
  if (status == NULL) {
    return error_set(error, -ENOMEM, "status: out of memory");
  }
  status->deps = *deps;
  status->deps.status = status;
  (void)pthread_mutex_init(&status->lock, NULL);
  clock_cond_init(&status->stop_requested);
  load_token(status);
  int code = health_values_new(&deps->options->health, deps->host,
                               &status->deps.health, error);
  bool may_listen =
      deps->options->listen != NULL || deps->options->control_socket != NULL;
  if (code == 0 && may_listen) {
    code = switch_readers_new(deps->marks_path, &status->deps.readers, error);
  }
  if (code == 0) {
    start_listeners(status);
  }
  if (status->read_only.server != NULL || status->control.server != NULL) {
    code = start_history_thread(status, error);
  }
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
  http_server_stop(status->read_only.server);
  if (status->control.server != NULL) {
    (void)trusted_path_remove(status->deps.options->control_socket, NULL);
  }
  http_server_stop(status->control.server);
  (void)pthread_mutex_lock(&status->lock);
  status->is_stopping = true;
  (void)pthread_cond_signal(&status->stop_requested);
  (void)pthread_mutex_unlock(&status->lock);
  if (status->has_history_thread) {
    (void)pthread_join(status->history_thread, NULL);
  }
  drop_snapshot(status);
  snapshot_history_fini(&status->history);
  switch_readers_free(status->deps.readers);
  health_values_free(status->deps.health);
  trusted_path_forget_secret(status->token);
  (void)pthread_cond_destroy(&status->stop_requested);
  (void)pthread_mutex_destroy(&status->lock);
  free(status);
}
