/* SPDX-License-Identifier: MIT */
/* resource_alert: registers the plugin with collectd and wires its parts. */
#include "core/worker_thread.h"
#include "glue/glue.h"
#include "resource_alert/alerts/engine.h"
#include "resource_alert/alerts/silence.h"
#include "resource_alert/journal.h"
#include "resource_alert/options.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/state_dir.h"
#include "resource_alert/status/status.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* For all threads together; with the other plugins' the end takes less than
 * 5 s. */
#define STOP_MS 2500

#define NAME "resource_alert"
#define FIELDS_MAX 16 /* details of a notification */

static struct resource_alert_options options;
static struct log_sink log_sink;
static struct state_dir *state_dir;
static const char **rule_names;
static struct journal *journal;
static struct responses *responses;
static struct silences *silences;
static struct engine *engine;
/* Held where engine is set and where a notification callback reads it. */
static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static struct status *status;

/* ---- configuration: before the daemon forks ---- */

/* A When may name the rules of this block and of those before it. */
static int update_rule_names(struct response_rule_names *ret_rules) {
  size_t len = 0;
  const char **names = resource_alert_list_rule_names(&options, &len);
  if (names == NULL) {
    return -1;
  }
  free(rule_names);
  rule_names = names;
  *ret_rules = (struct response_rule_names){.names = names, .len = len};
  return 0;
}

static int parse_configuration(oconfig_item_t *item) {
  struct response_rule_names rules;
  struct error error = {{0}};
  if (glue_configure(&resource_alert_options, item, &options) != 0 ||
      update_rule_names(&rules) != 0) {
    return -1;
  }
  if (responses_check(&options.responses, 0, &rules, &log_sink, &error) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  return 0;
}

/* ---- callbacks of collectd ---- */

static int evaluate_values(const data_set_t *type, const value_list_t *list,
                           user_data_t *unused) {
  (void)unused;
  struct reading reading = glue_make_reading(type, list);
  responses_take_reading(responses, &reading);
  status_take_reading(status, &reading);
  engine_take_reading(engine, &reading);
  return 0;
}

/* May be called until the very end, by any plugin that notifies. */
static int evaluate_notification(const notification_t *from,
                                 user_data_t *unused) {
  (void)unused;
  if (glue_notification_is_own(from, NAME)) {
    return 0;
  }
  struct notification_field fields[FIELDS_MAX];
  struct notification notification = glue_make_notification(from);
  notification.fields = fields;
  notification.fields_len = glue_copy_fields(from, fields, FIELDS_MAX);
  (void)pthread_mutex_lock(&engine_lock);
  if (engine != NULL) {
    engine_take_notification(engine, &notification);
  }
  (void)pthread_mutex_unlock(&engine_lock);
  return 0;
}

/* For log_sink; context: int. */
static void count_problem(void *context, enum log_level level,
                          const char *line) {
  int *problems = context;
  (void)level;
  (void)line;
  *problems += 1;
}

static int publish_metrics(void) {
  struct sample_sink samples = glue_sample_sink(NAME);
  int problems = 0;
  const struct log_sink counter = {.write = count_problem,
                                   .context = &problems};
  engine_report_problems(engine, &counter);
  responses_report_problems(responses, &counter);
  status_report_problems(status, &counter);
  sample_put_gauge(&samples, "", "gauge", "problems", problems);
  engine_publish(engine, &samples);
  responses_publish(responses, &samples);
  state_dir_request_check(state_dir);
  return 0;
}

/* ---- from one part to the next ---- */

static void hand_event(void *unused, const struct alert_event *event) {
  (void)unused;
  responses_take_event(responses, event);
}

static void refresh_rule(void *unused, const struct rule *rule) {
  (void)unused;
  responses_refresh_rule(responses, rule);
}

/* ---- life ---- */

/* A daemon that finds its StateDir in use neither acts nor saves. */
static void open_state_dir(void) {
  state_dir = state_dir_open(options.state_dir, hostname_g, &log_sink);
  if (state_dir_holder(state_dir) != NULL) {
    free(options.state_dir);
    options.state_dir = NULL;
    options.responses.mode = ACTION_MODE_OFF;
  }
}

static int load_silences(struct error *error) {
  char path[PATH_MAX];
  bool has_path = options.state_dir != NULL;
  (void)snprintf(path, sizeof(path), "%s/silences.jsonl",
                 has_path ? options.state_dir : "");
  return silences_open(has_path ? path : NULL, engine_real_clock.wall_ms(),
                       &log_sink, &silences, error);
}

/* NULL: there is no file store, or none that readers leave their marks in. */
static const char *find_marks_path(void) {
  const struct switch_store_options *stores = options.responses.stores.items;
  for (size_t i = 0; i < options.responses.stores.len; i++) {
    if (strcmp(stores[i].head.label, "file") == 0 && stores[i].has_readers) {
      return stores[i].path;
    }
  }
  return NULL;
}

static int start_status(struct error *error) {
  const struct status_deps deps = {
      .options = &options.status,
      .host = hostname_g,
      .mode = action_mode_words[options.responses.mode],
      .started_ms = engine_real_clock.wall_ms(),
      .state_dir_holder = state_dir_holder(state_dir),
      .engine = engine,
      .journal = journal,
      .responses = responses,
      .silences = silences,
      .marks_path = find_marks_path(),
      .log = log_sink,
  };
  return status_start(&deps, &status, error);
}

static int start_responses(const struct response_rule_names *rules,
                           struct error *error) {
  const struct responses_deps deps = {
      .options = &options.responses,
      .rules = *rules,
      .host = hostname_g,
      .identity = state_dir_identity(state_dir),
      .state_dir = options.state_dir,
      .state_dir_holder = state_dir_holder(state_dir),
      .has_commands = options.status.control_socket != NULL,
      .journal = journal,
      .log = log_sink,
      .notifications = glue_notification_sink(NAME),
  };
  return responses_start(&deps, &responses, error);
}

/* A notification may come as soon as engine is set: it is complete by then. */
static int start_engine(struct error *error) {
  const struct engine_deps deps = {
      .clock = &engine_real_clock,
      .options = &options,
      .host = hostname_g,
      .interval_ms = (int64_t)CDTIME_T_TO_MS(interval_g),
      .missing_intervals = timeout_g,
      .find_type = glue_find_type,
      .log = log_sink,
      .notifications = glue_notification_sink(NAME),
      .responses = {.take_event = hand_event, .refresh_rule = refresh_rule},
      .journal = journal,
      .silences = silences,
  };
  struct engine *started = NULL;
  if (engine_open(&deps, &started, error) != 0) {
    return -1;
  }
  if (engine_start(started, error) != 0) {
    (void)engine_stop(started);
    return -1;
  }
  (void)pthread_mutex_lock(&engine_lock);
  engine = started;
  (void)pthread_mutex_unlock(&engine_lock);
  return 0;
}

/* In the order of the data: each part before those that hand something to
 * it. */
static int start_parts(struct error *error) {
  struct response_rule_names rules;
  if (glue_require_type("alert_state", error) != 0 ||
      update_rule_names(&rules) != 0 ||
      journal_open(options.journal, &log_sink, &journal, error) != 0) {
    return -1;
  }
  open_state_dir();
  return start_responses(&rules, error) != 0 || load_silences(error) != 0 ||
                 start_engine(error) != 0
             ? -1
             : start_status(error);
}

/* In the order of the data, too: what still hands something over ends first.
 * Also for parts of which some have not started. */
static int stop_parts(void) {
  worker_thread_limit_stops(STOP_MS);
  status_stop(status);
  status = NULL;
  struct engine *stopping = engine;
  (void)pthread_mutex_lock(&engine_lock);
  engine = NULL;
  (void)pthread_mutex_unlock(&engine_lock);
  bool is_free = engine_stop(stopping);
  bool is_ended = responses_stop(responses);
  silences_close(silences);
  if (is_ended) {
    journal_close(journal);
  }
  if (is_free && is_ended) {
    state_dir_close(state_dir);
  }
  if (is_free && is_ended) { /* else a thread that hangs still uses them */
    option_fini(&resource_alert_options, &options);
    free(rule_names);
  }
  return 0;
}

static int init_resource_alert(void) {
  struct error error = {{0}};
  if (engine != NULL) {
    return 0; /* collectd may initialize twice */
  }
  if (start_parts(&error) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
    (void)stop_parts(); /* half a start would decide without being stopped */
    return -1;
  }
  (void)plugin_register_write(NAME, evaluate_values, NULL);
  (void)plugin_register_read(NAME, publish_metrics);
  (void)plugin_register_notification(NAME, evaluate_notification, NULL);
  (void)plugin_register_shutdown(NAME, stop_parts);
  return 0;
}

void module_register(void) {
  log_sink = glue_log_sink(NAME);
  if (option_init(&resource_alert_options, &options) == 0) {
    plugin_register_complex_config(NAME, parse_configuration);
    plugin_register_init(NAME, init_resource_alert);
  }
}
