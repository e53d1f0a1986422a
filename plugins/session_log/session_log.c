/* SPDX-License-Identifier: MIT */
/* session_log: glue between collectd and the plugin's trade. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/deadline.h"
#include "glue/configuration.h"
#include "glue/log.h"
#include "glue/module.h"
#include "glue/notices.h"
#include "glue/samples.h"
#include "session_log/checkpoint.h"
#include "session_log/logbook.h"
#include "session_log/options.h"

#include "collectd.h"
#include "plugin.h"

static struct session_log_options options;
static struct report_sink log_sink;
static struct sample_sink sample_sink;
static struct notice_sink notice_sink;

static int configure(oconfig_item_t *item) {
  return glue_configure(&session_log_options, item, &options);
}

static struct moment moment_now(void) {
  return (struct moment){.mono_ms = monotonic_ms(),
                         .wall_ns = (int64_t)CDTIME_T_TO_NS(cdtime())};
}

/* Always 0: collectd would double the interval after a failure. */
static int read_log(user_data_t *data) {
  struct logbook *logbook = data->data;
  struct moment now = moment_now();
  if (logbook_poll(logbook, &now) != 0) {
    report(&log_sink, REPORT_ERROR, "out of memory; goes on next time");
  }
  checkpoint_save(logbook, options.state_dir, &now);
  logbook_publish(logbook, &now, &sample_sink);
  return 0;
}

/* At the shutdown of the daemon, once nobody reads any more. */
static void free_log(void *data) {
  struct logbook *logbook = data;
  struct moment now = moment_now();
  checkpoint_save(logbook, options.state_dir, &now);
  logbook_free(logbook);
}

static int start_log(const struct log_options *log) {
  const struct logbook_sinks sinks = {&log_sink, &notice_sink};
  struct logbook *logbook = NULL;
  struct error error = {{0}};
  int code = logbook_new(log, &sinks, &logbook, &error);
  if (code != 0) {
    report(&log_sink, REPORT_ERROR, "log \"%s\": %s", log->head.label,
           code == -ENOMEM ? "out of memory" : error.text);
    return code;
  }
  struct moment now = moment_now();
  code = checkpoint_load(logbook, options.state_dir, &now);
  if (code != 0) {
    logbook_free(logbook);
    return code;
  }
  char name[128];
  (void)snprintf(name, sizeof(name), "session_log/%s", log->head.label);
  user_data_t data = {.data = logbook, .free_func = free_log};
  return plugin_register_complex_read("session_log", name, read_log, 0, &data);
}

static int init(void) {
  struct error error = {{0}};
  if (glue_require_type("log_rate", &error) != 0) {
    report(&log_sink, REPORT_ERROR, "%s", error.text);
    return -1;
  }
  const struct log_options *logs = options.logs.items;
  for (size_t i = 0; i < options.logs.len; i++) {
    if (start_log(&logs[i]) != 0) {
      return -1;
    }
  }
  return 0;
}

static int shut_down(void) {
  option_fini(&session_log_options, &options);
  return 0;
}

void module_register(void) {
  log_sink = glue_log_sink("session_log");
  sample_sink = glue_sample_sink("session_log");
  notice_sink = glue_notice_sink("session_log");
  if (option_init(&session_log_options, &options) == 0) {
    plugin_register_complex_config("session_log", configure);
    plugin_register_init("session_log", init);
    plugin_register_shutdown("session_log", shut_down);
  }
}
