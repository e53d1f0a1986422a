/* SPDX-License-Identifier: MIT */
/* resource_alert: glue between collectd and the plugin's trade. */
#include "glue/configuration.h"
#include "glue/log.h"
#include "glue/module.h"
#include "glue/notifications.h"
#include "glue/values.h"
#include "resource_alert/engine.h"
#include "resource_alert/journal.h"
#include "resource_alert/options.h"
#include "resource_alert/responses/responses.h"
#include "resource_alert/status/silence.h"
#include "resource_alert/status/status.h"
#include "resource_alert/status/status_rules.h"

#include "collectd.h"
#include "plugin.h"
#include "utils/common/common.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME "resource_alert"

static struct resource_alert_options options;
static struct log_sink log_sink;
static const char **rule_names;
static struct journal *journal;
static struct responses *responses;
static struct silences *silences;
static struct engine *engine;
/* Held where engine is set and where a response's thread reads it. */
static pthread_mutex_t engine_lock = PTHREAD_MUTEX_INITIALIZER;
static struct status *status;

/* ---- configuration: before the daemon forks ---- */

static int name_rules(struct responses_rules *ret_rules) {
  size_t len = 0;
  const char **names = resource_alert_rule_names(&options, &len);
  if (names == NULL) {
    return -1;
  }
  free(rule_names);
  rule_names = names;
  *ret_rules = (struct responses_rules){.names = names, .len = len};
  return 0;
}

static int configure(oconfig_item_t *item) {
  struct responses_rules rules;
  struct error error = {{0}};
  if (glue_configure(&resource_alert_options, item, &options) != 0 ||
      name_rules(&rules) != 0) {
    return -1;
  }
  if (responses_check(&options.responses, &rules, &error) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  return 0;
}

/* ---- at work ---- */

static int take(const data_set_t *type, const value_list_t *list,
                user_data_t *unused) {
  (void)unused;
  struct reading reading = glue_reading(type, list);
  engine_take(engine, &reading);
  return 0;
}

/* May be called until the very end, by whoever has something to say. */
static int hear(const notification_t *from, user_data_t *unused) {
  (void)unused;
  if (glue_notification_is_own(from, NAME)) {
    return 0;
  }
  struct notification notification = glue_notification(from);
  (void)pthread_mutex_lock(&engine_lock);
  if (engine != NULL) {
    engine_hear(engine, &notification);
  }
  (void)pthread_mutex_unlock(&engine_lock);
  return 0;
}

static int publish(void) {
  struct sample_sink samples = glue_sample_sink(NAME);
  engine_publish(engine, &samples);
  responses_publish(responses, &samples);
  return 0;
}

/* For responses, which outlive the engine. */
static double rule_value(void *unused, size_t rule) {
  (void)unused;
  (void)pthread_mutex_lock(&engine_lock);
  double value = engine == NULL ? (double)NAN
                                : status_rule_value(engine_table(engine), rule);
  (void)pthread_mutex_unlock(&engine_lock);
  return value;
}

static json_t *tell_rules(void *unused) {
  (void)unused;
  return engine_tell_rules(engine);
}

static json_t *tell_counts(void *unused) {
  (void)unused;
  return engine_tell_counts(engine);
}

static int start_silences(struct error *error) {
  char path[PATH_MAX];
  bool has_path = options.state_dir != NULL;
  (void)snprintf(path, sizeof(path), "%s/silences.json",
                 has_path ? options.state_dir : "");
  return silences_new(has_path ? path : NULL, &log_sink, &silences, error);
}

static int start_status(struct error *error) {
  const struct status_deps deps = {
      .options = &options.status,
      .host = hostname_g,
      .mode = action_mode_words[options.responses.mode],
      .journal_path = options.journal,
      .journal = journal,
      .responses = responses,
      .silences = silences,
      .log = log_sink,
      .source = {.rules = tell_rules, .counts = tell_counts},
  };
  return status_start(&deps, &status, error);
}

static int start(struct error *error) {
  struct responses_rules rules;
  if (glue_require_type("alert_state", error) != 0 || name_rules(&rules) != 0 ||
      journal_new(options.journal, &log_sink, &journal, error) != 0) {
    return -1;
  }
  if (options.state_dir != NULL) {
    (void)mkdir(options.state_dir, 0750); /* whoever writes there complains */
  }
  const struct responses_deps response_site = {
      .options = &options.responses,
      .rules = rules,
      .host = hostname_g,
      .state_dir = options.state_dir,
      .journal = journal,
      .rule_value = rule_value,
      .log = log_sink,
      .notifications = glue_notification_sink(NAME),
  };
  if (responses_start(&response_site, &responses, error) != 0 ||
      start_silences(error) != 0) {
    return -1;
  }
  const struct engine_deps deps = {
      .clock = &engine_real_clock,
      .options = &options,
      .host = hostname_g,
      .interval_ms = (int64_t)CDTIME_T_TO_MS(interval_g),
      .missing_intervals = timeout_g,
      .find_type = glue_find_type,
      .log = log_sink,
      .notifications = glue_notification_sink(NAME),
      .journal = journal,
      .responses = responses,
      .silences = silences,
  };
  struct engine *started = NULL;
  if (engine_new(&deps, &started, error) != 0) {
    return -1;
  }
  if (engine_start(started, error) != 0) {
    (void)engine_stop(started);
    return -1;
  }
  (void)pthread_mutex_lock(&engine_lock);
  engine = started;
  (void)pthread_mutex_unlock(&engine_lock);
  return start_status(error);
}

static int stop(void) {
  status_stop(status);
  struct engine *stopping = engine;
  (void)pthread_mutex_lock(&engine_lock);
  engine = NULL;
  (void)pthread_mutex_unlock(&engine_lock);
  bool is_free = engine_stop(stopping);
  bool is_ended = responses_stop(responses);
  silences_free(silences);
  if (is_ended) {
    journal_free(journal);
  }
  if (is_free && is_ended) { /* else a thread that hangs still uses them */
    option_fini(&resource_alert_options, &options);
    free(rule_names);
  }
  return 0;
}

static int init(void) {
  struct error error = {{0}};
  if (engine != NULL) {
    return 0; /* collectd may initialize twice */
  }
  if (start(&error) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  (void)plugin_register_write(NAME, take, NULL);
  (void)plugin_register_read(NAME, publish);
  if (options.notifications.len > 0) {
    (void)plugin_register_notification(NAME, hear, NULL);
  }
  (void)plugin_register_shutdown(NAME, stop);
  return 0;
}

void module_register(void) {
  log_sink = glue_log_sink(NAME);
  if (option_init(&resource_alert_options, &options) == 0) {
    plugin_register_complex_config(NAME, configure);
    plugin_register_init(NAME, init);
  }
}
