/* SPDX-License-Identifier: MIT */
/* session_log: registers the plugin with collectd and runs its logs.
 *
 * Each log is read by a read callback at the interval, and in between by one
 * thread that the kernel wakes when a file is written to. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/worker_thread.h"
#include "glue/glue.h"
#include "session_log/log_monitor.h"
#include "session_log/options.h"

#include "collectd.h"
#include "plugin.h"

/* A write often follows a truncation at once: both are read together, instead
 * of the second one only after the pause between reads. */
#define EVENT_DELAY_MS 2

struct log_instance {
  size_t number;
  pthread_mutex_t lock;        /* held while the log is read */
  struct log_monitor *monitor; /* guarded, once reading begins */
  int64_t alarms_ms;           /* guarded: when alarms were published last */
  int64_t read_ms;             /* the thread's: when it has read last */
  int64_t event_ms; /* the thread's: the first event since; 0: none */
};

static struct session_log_options options;
static struct log_sink log_sink;
static struct sample_sink sample_sink;
static struct notification_sink notification_sink;
static struct log_instance *instances; /* from init to shutdown */
static size_t instances_len;
static struct file_watch
    *watch; /* NULL: no thread; files are read at the interval */
static pthread_t thread;

static int configure_session_log(oconfig_item_t *item) {
  return glue_configure(&session_log_options, item, &options);
}

static struct tail_time read_clocks(void) {
  return (struct tail_time){.mono_ms = clock_monotonic_ms(),
                            .wall_ns = (int64_t)CDTIME_T_TO_NS(cdtime())};
}

static int64_t compute_min_pause_ms(void) {
  return 1000 / options.max_reads_per_s;
}

/* Ends what a poll with CODE has begun: releases the lock, and only then sends
 * notifications, since they run the callbacks of other plugins. */
static void unlock_and_notify(struct log_instance *instance, int code) {
  const struct log_options *logs = options.logs.items;
  struct log_monitor_notifications notifications;
  log_monitor_take_notifications(instance->monitor, &notifications);
  (void)pthread_mutex_unlock(&instance->lock);
  if (code != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR,
              "log \"%s\": out of memory; continues at the next interval",
              logs[instance->number].head.label);
  }
  log_monitor_send_notifications(
      &notifications, logs[instance->number].head.label, &notification_sink);
}

/* Always 0: collectd would double the interval after a failure. */
static int read_log(user_data_t *data) {
  struct log_instance *instance = data->data;
  (void)pthread_mutex_lock(&instance->lock);
  struct tail_time now = read_clocks();
  int code = log_monitor_poll(instance->monitor, &now);
  log_monitor_publish(instance->monitor, &sample_sink);
  /* If the thread has just published them, a second time at the same moment
   * would be out of order in the daemon's queue. */
  if (watch == NULL ||
      now.mono_ms - instance->alarms_ms > compute_min_pause_ms()) {
    log_monitor_publish_alarms(instance->monitor, &now, &sample_sink);
  }
  /* Last, so that a busy disk delays no value. */
  log_monitor_save_state(instance->monitor, &now);
  unlock_and_notify(instance, code);
  return 0;
}

/* Reads a log after events of its files. */
static void read_log_after_events(struct log_instance *instance) {
  (void)pthread_mutex_lock(&instance->lock);
  struct tail_time now = read_clocks();
  int code = log_monitor_poll_events(instance->monitor, &now);
  if (log_monitor_has_new_alarm(instance->monitor)) {
    log_monitor_publish_alarms(instance->monitor, &now, &sample_sink);
    instance->alarms_ms = now.mono_ms;
  }
  unlock_and_notify(instance, code);
}

/* Reads the logs that have events, each after its pause. Returns when the next
 * one is due. */
static int64_t read_due_logs(bool *has_events) {
  int64_t now_ms = clock_monotonic_ms();
  int64_t next_ms = now_ms + 60000;
  for (size_t i = 0; i < instances_len; i++) {
    struct log_instance *instance = &instances[i];
    if (!has_events[i]) {
      continue;
    }
    instance->event_ms = instance->event_ms == 0 ? now_ms : instance->event_ms;
    int64_t due_ms = instance->read_ms + compute_min_pause_ms();
    if (due_ms < instance->event_ms + EVENT_DELAY_MS) {
      due_ms = instance->event_ms + EVENT_DELAY_MS;
    }
    if (now_ms >= due_ms) {
      has_events[i] = false;
      instance->event_ms = 0;
      read_log_after_events(instance);
      instance->read_ms = clock_monotonic_ms();
    } else if (due_ms < next_ms) {
      next_ms = due_ms;
    }
  }
  return next_ms;
}

/* Ends when file_watch_stop() is called. */
static void *run_watch_thread(void *unused) {
  (void)unused;
  bool *has_events = calloc(instances_len, sizeof(*has_events));
  int64_t next_ms = 0;
  while (has_events != NULL &&
         file_watch_wait(watch, next_ms, has_events) == 0) {
    next_ms = read_due_logs(has_events);
  }
  free(has_events);
  return NULL;
}

/* Without the thread the plugin works all the same: at the interval. */
static void start_watch_thread(void) {
  int code = file_watch_new(instances_len, &watch);
  if (code == 0) {
    sigset_t before;
    worker_thread_block_signals(&before);
    code = plugin_thread_create(&thread, run_watch_thread, NULL, "session_log");
    worker_thread_restore_signals(&before);
  }
  if (code != 0) {
    log_write(&log_sink, LOG_LEVEL_NOTICE,
              "cannot watch files: %s; they are read once per interval",
              strerror(code < 0 ? -code : code));
    file_watch_free(watch);
    watch = NULL;
  }
}

static int start_log(struct log_instance *instance,
                     const struct log_options *log) {
  struct error error = {{0}};
  struct tail_time now = read_clocks();
  int code = log_monitor_new(log, &log_sink, &instance->monitor, &error);
  if (code == 0) {
    code = log_monitor_load_state(instance->monitor, options.state_dir, &now);
  }
  if (code != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "log \"%s\": %s", log->head.label,
              error.text[0] == '\0' ? "out of memory" : error.text);
    log_monitor_free(instance->monitor); /* or its saved state would be lost */
    instance->monitor = NULL;
    return code;
  }
  log_monitor_set_watch(instance->monitor, watch, instance->number);
  char name[128];
  (void)snprintf(name, sizeof(name), "session_log/%s", log->head.label);
  user_data_t data = {.data = instance};
  return plugin_register_complex_read("session_log", name, read_log, 0, &data);
}

/* The thread is first: the first read of a log sets its watches. */
static int init_session_log(void) {
  struct error error = {{0}};
  const struct log_options *logs = options.logs.items;
  if (instances != NULL || options.logs.len == 0) {
    return 0;
  }
  if (glue_require_type("log_rate", &error) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  tzset(); /* once: converting local times does not read the zone again */
  instances = calloc(options.logs.len, sizeof(*instances));
  if (instances == NULL) {
    return -1;
  }
  instances_len = options.logs.len;
  for (size_t i = 0; i < instances_len; i++) {
    instances[i].number = i;
    (void)pthread_mutex_init(&instances[i].lock, NULL);
  }
  if (options.max_reads_per_s > 0) {
    start_watch_thread();
  }
  for (size_t i = 0; i < instances_len; i++) {
    if (start_log(&instances[i], &logs[i]) != 0) {
      return -1;
    }
  }
  return 0;
}

/* No read callback runs any more. */
static int stop_session_log(void) {
  if (watch != NULL) {
    file_watch_stop(watch);
    (void)pthread_join(thread, NULL);
  }
  file_watch_free(watch);
  watch = NULL;
  struct tail_time now = read_clocks();
  for (size_t i = 0; i < instances_len; i++) {
    if (instances[i].monitor != NULL) {
      log_monitor_save_state(instances[i].monitor, &now);
    }
    log_monitor_free(instances[i].monitor);
    (void)pthread_mutex_destroy(&instances[i].lock);
  }
  free(instances);
  instances = NULL;
  instances_len = 0;
  option_fini(&session_log_options, &options);
  return 0;
}

void module_register(void) {
  log_sink = glue_log_sink("session_log");
  sample_sink = glue_sample_sink("session_log");
  notification_sink = glue_notification_sink("session_log");
  if (option_init(&session_log_options, &options) == 0) {
    plugin_register_complex_config("session_log", configure_session_log);
    plugin_register_init("session_log", init_session_log);
    plugin_register_shutdown("session_log", stop_session_log);
  }
}
