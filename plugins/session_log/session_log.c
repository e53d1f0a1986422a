/* SPDX-License-Identifier: MIT */
/* session_log: glue between collectd and the plugin's trade.
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
#include "session_log/checkpoint.h"
#include "session_log/follow/watcher.h"
#include "session_log/logbook.h"
#include "session_log/options.h"

#include "collectd.h"
#include "plugin.h"

/* A log's lock is held while it is read: that is what it is for. */
struct desk {
  size_t number;
  pthread_mutex_t lock;
  struct logbook *logbook; /* guarded by the lock, once reading begins */
  int64_t alarmed_ms;      /* guarded: when alarms were told last */
  int64_t read_ms;         /* the thread's: when it has read last */
};

static struct session_log_options options;
static struct log_sink log_sink;
static struct sample_sink sample_sink;
static struct notification_sink notification_sink;
static struct desk *desks; /* from init to shutdown */
static size_t desks_len;
static struct watcher *watcher; /* NULL: only at the interval */
static pthread_t thread;
static bool has_thread;

static int configure(oconfig_item_t *item) {
  return glue_configure(&session_log_options, item, &options);
}

static struct moment moment_now(void) {
  return (struct moment){.mono_ms = clock_monotonic_ms(),
                         .wall_ns = (int64_t)CDTIME_T_TO_NS(cdtime())};
}

static int64_t pause_ms(void) { return 1000 / options.max_rate; }

static void poll_log(struct desk *desk, const struct moment *now) {
  if (logbook_poll(desk->logbook, now) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "out of memory; goes on next time");
  }
}

/* Always 0: collectd would double the interval after a failure. */
static int read_log(user_data_t *data) {
  struct desk *desk = data->data;
  (void)pthread_mutex_lock(&desk->lock);
  struct moment now = moment_now();
  poll_log(desk, &now);
  logbook_publish(desk->logbook, &sample_sink);
  /* The thread has just told them: twice at the same time would be out of order
   * in the daemon's queue. */
  if (watcher == NULL || now.mono_ms - desk->alarmed_ms > pause_ms()) {
    logbook_publish_alarms(desk->logbook, &now, &sample_sink);
  }
  if (watcher != NULL) {
    logbook_watch(desk->logbook, watcher, desk->number);
  }
  /* Last: a disk that is busy holds up no value. */
  checkpoint_save(desk->logbook, options.state_dir, &now);
  (void)pthread_mutex_unlock(&desk->lock);
  return 0;
}

static void react(struct desk *desk) {
  (void)pthread_mutex_lock(&desk->lock);
  struct moment now = moment_now();
  poll_log(desk, &now);
  if (logbook_has_alarm(desk->logbook)) {
    logbook_publish_alarms(desk->logbook, &now, &sample_sink);
    desk->alarmed_ms = now.mono_ms;
  }
  logbook_watch(desk->logbook, watcher, desk->number);
  (void)pthread_mutex_unlock(&desk->lock);
}

/* Reads what is due. Returns when the next one will be. */
static int64_t react_to_all(bool *dirty) {
  int64_t now_ms = clock_monotonic_ms();
  int64_t next_ms = now_ms + 60000;
  for (size_t i = 0; i < desks_len; i++) {
    int64_t due_ms = desks[i].read_ms + pause_ms();
    if (dirty[i] && now_ms >= due_ms) {
      dirty[i] = false;
      react(&desks[i]);
      desks[i].read_ms = clock_monotonic_ms();
    } else if (dirty[i] && due_ms < next_ms) {
      next_ms = due_ms;
    }
  }
  return next_ms;
}

static void *run(void *unused) {
  (void)unused;
  bool *dirty = calloc(desks_len, sizeof(*dirty));
  int64_t next_ms = 0;
  while (dirty != NULL && watcher_wait(watcher, next_ms, dirty) == 0) {
    next_ms = react_to_all(dirty);
  }
  free(dirty);
  return NULL;
}

static void start_thread(void) {
  int code = watcher_new(desks_len, &watcher);
  if (code == 0) {
    sigset_t before;
    worker_thread_block_signals(&before);
    code = plugin_thread_create(&thread, run, NULL, "session_log");
    worker_thread_restore_signals(&before);
    has_thread = code == 0;
  }
  if (!has_thread) {
    log_write(&log_sink, LOG_LEVEL_NOTICE,
              "cannot watch files: %s; they are read at the interval",
              strerror(code < 0 ? -code : code));
    watcher_free(watcher);
    watcher = NULL;
  }
}

static int start_log(struct desk *desk, const struct log_options *log) {
  const struct logbook_sinks sinks = {&log_sink, &notification_sink};
  struct error error = {{0}};
  struct moment now = moment_now();
  int code = logbook_new(log, &sinks, &desk->logbook, &error);
  if (code == 0) {
    code = checkpoint_load(desk->logbook, options.state_dir, &now);
  }
  if (code != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "log \"%s\": %s", log->head.label,
              error.text[0] == '\0' ? "out of memory" : error.text);
    return code;
  }
  char name[128];
  (void)snprintf(name, sizeof(name), "session_log/%s", log->head.label);
  user_data_t data = {.data = desk};
  return plugin_register_complex_read("session_log", name, read_log, 0, &data);
}

static int init(void) {
  struct error error = {{0}};
  const struct log_options *logs = options.logs.items;
  if (desks != NULL || options.logs.len == 0) {
    return 0;
  }
  if (glue_require_type("log_rate", &error) != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
    return -1;
  }
  tzset(); /* once: reading local times looks at the zone no more */
  desks = calloc(options.logs.len, sizeof(*desks));
  if (desks == NULL) {
    return -1;
  }
  desks_len = options.logs.len;
  for (size_t i = 0; i < desks_len; i++) {
    desks[i].number = i;
    (void)pthread_mutex_init(&desks[i].lock, NULL);
  }
  if (options.max_rate > 0) {
    start_thread();
  }
  for (size_t i = 0; i < desks_len; i++) {
    if (start_log(&desks[i], &logs[i]) != 0) {
      return -1;
    }
  }
  return 0;
}

/* No read callback runs any more. */
static int shut_down(void) {
  if (has_thread) {
    watcher_stop(watcher);
    (void)pthread_join(thread, NULL);
    has_thread = false;
  }
  watcher_free(watcher);
  watcher = NULL;
  struct moment now = moment_now();
  for (size_t i = 0; i < desks_len; i++) {
    if (desks[i].logbook != NULL) {
      checkpoint_save(desks[i].logbook, options.state_dir, &now);
    }
    logbook_free(desks[i].logbook);
    (void)pthread_mutex_destroy(&desks[i].lock);
  }
  free(desks);
  desks = NULL;
  desks_len = 0;
  option_fini(&session_log_options, &options);
  return 0;
}

void module_register(void) {
  log_sink = glue_log_sink("session_log");
  sample_sink = glue_sample_sink("session_log");
  notification_sink = glue_notification_sink("session_log");
  if (option_init(&session_log_options, &options) == 0) {
    plugin_register_complex_config("session_log", configure);
    plugin_register_init("session_log", init);
    plugin_register_shutdown("session_log", shut_down);
  }
}
