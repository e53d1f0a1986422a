/* SPDX-License-Identifier: MIT */
/* session_log: registers the plugin with collectd and runs its logs.
 *
 * Each log has a thread that reads its files and sends its values, so that a
 * directory that hangs delays its own log only; one more thread writes the
 * state of all logs. The read callbacks ask for a read at the interval, and a
 * thread that the kernel wakes asks for one when a file is written to. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* At the end: for the threads of all logs, and then for the writer. */
#define STOP_MS 1500

/* After this number of reads, a state that is still not written is a fault.
 * With many logs on a slow disk, one read is too soon. */
#define UNSAVED_READS 3

#define READER_STACK_BYTES ((size_t)512 * 1024)

/* What a log's thread is asked for: to read all, or the files with events. */
static int read_at_interval;
static int read_after_events;

struct log_instance {
  size_t number;
  plugin_ctx_t context; /* of the plugin: with the interval of its values */
  struct worker_thread *reader;
  struct log_monitor *monitor; /* the reader's, while it runs */
  bool is_loaded;              /* the reader's: its state was loaded */
  int64_t alarms_ms;           /* the reader's: when alarms were sent last */
  atomic_int_fast64_t read_ms; /* when it has read last */
  atomic_bool is_reading_due;  /* asked for and not done */
  atomic_bool is_event_due;
  atomic_bool is_saving_due;
  struct log_complaint late;    /* the read callback's */
  struct log_complaint unsaved; /* the reader's */
  int unsaved_reads;            /* the reader's: since a state is waiting */
  int64_t event_ms; /* the watch thread's: the first event since; 0: none */
};

/* A record on its way to the thread that writes it. */
struct saving {
  struct log_instance *instance;
  struct state_file_record record; /* owned */
};

static struct session_log_options options;
static struct log_sink log_sink;
static struct sample_sink sample_sink;
static struct notification_sink notification_sink;
static struct log_instance *instances; /* from init to shutdown */
static size_t instances_len;
static struct worker_thread *writer; /* of all state files */
static struct file_watch
    *watch; /* NULL: no thread; files are read at the interval */
static pthread_t thread;
static atomic_bool is_stopping; /* a thread left behind sends nothing more */

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

static const char *get_log_name(const struct log_instance *instance) {
  const struct log_options *logs = options.logs.items;
  return logs[instance->number].head.label;
}

/* ---- the writer's thread ---- */

static void write_state(void *unused, void *item) {
  (void)unused;
  struct saving *saving = item;
  log_monitor_write_record(saving->instance->monitor, &saving->record,
                           clock_monotonic_ms());
  atomic_store(&saving->instance->is_saving_due, false);
}

static void free_saving(void *item) {
  struct saving *saving = item;
  state_file_record_fini(&saving->record);
  free(saving);
}

/* Queues the state of a log, unless an older one still waits. */
static void queue_state(struct log_instance *instance,
                        const struct tail_time *now) {
  if (atomic_exchange(&instance->is_saving_due, true)) {
    if (++instance->unsaved_reads >= UNSAVED_READS &&
        log_complaint_fail(&instance->unsaved, now->mono_ms)) {
      log_write(&log_sink, LOG_LEVEL_WARNING,
                "log \"%s\": state not saved for some intervals: %s does not "
                "answer; a restart goes on from the state that was saved last",
                get_log_name(instance), options.state_dir);
    }
    return;
  }
  instance->unsaved_reads = 0;
  if (log_complaint_clear(&instance->unsaved, now->mono_ms, NULL)) {
    log_write(&log_sink, LOG_LEVEL_NOTICE, "log \"%s\": StateDir answers again",
              get_log_name(instance));
  }
  struct saving *saving = calloc(1, sizeof(*saving));
  if (saving == NULL) {
    atomic_store(&instance->is_saving_due, false);
    return;
  }
  saving->instance = instance;
  log_monitor_fill_record(instance->monitor, now->mono_ms, &saving->record);
  (void)worker_thread_put(writer, saving);
}

/* ---- a log's thread ---- */

/* Restores the log's state first. Returns 0; -EAGAIN while that cannot be read;
 * -ENOMEM. */
static int read_files(struct log_instance *instance, bool is_at_interval,
                      const struct tail_time *now) {
  if (!instance->is_loaded) {
    int code =
        log_monitor_load_state(instance->monitor, options.state_dir, now);
    if (code != 0) {
      return code;
    }
    instance->is_loaded = true;
  }
  return is_at_interval ? log_monitor_poll(instance->monitor, now)
                        : log_monitor_poll_events(instance->monitor, now);
}

/* If alarms were sent just now, a second time at almost the same moment could
 * get out of order in the daemon's queue. */
static void send_values(struct log_instance *instance, bool is_at_interval,
                        const struct tail_time *now) {
  if (is_at_interval) {
    log_monitor_publish(instance->monitor, &sample_sink);
    queue_state(instance, now);
  }
  if (is_at_interval ? watch == NULL || now->mono_ms - instance->alarms_ms >
                                            compute_min_pause_ms()
                     : log_monitor_has_new_alarm(instance->monitor)) {
    log_monitor_publish_alarms(instance->monitor, now, &sample_sink);
    instance->alarms_ms = now->mono_ms;
  }
}

/* A reader's work: ITEM says of which kind. */
static void read_log(void *context, void *item) {
  struct log_instance *instance = context;
  bool is_at_interval = item == &read_at_interval;
  struct tail_time now = read_clocks();
  struct notification_list notifications = {0};
  if (atomic_load(&is_stopping)) {
    return;
  }
  plugin_set_ctx(instance->context);
  int code = read_files(instance, is_at_interval, &now);
  if (atomic_load(&is_stopping)) {
    return;
  }
  if (code == -ENOMEM) {
    log_write(&log_sink, LOG_LEVEL_ERROR,
              "log \"%s\": out of memory; continues at the next interval",
              get_log_name(instance));
  }
  if (instance->is_loaded) {
    send_values(instance, is_at_interval, &now);
    log_monitor_take_notifications(instance->monitor, &notifications);
    notification_list_send_and_free(&notifications, get_log_name(instance),
                                    &notification_sink);
  }
  atomic_store(&instance->read_ms, clock_monotonic_ms());
  atomic_store(is_at_interval ? &instance->is_reading_due
                              : &instance->is_event_due,
               false);
}

/* ---- asking for a read ---- */

/* For how long the log's thread, or that of the state files with a state of
 * this log, has not come round. Sent by the read callback, which no log can
 * hold up. */
static void send_hung_time(struct log_instance *instance) {
  int64_t hung_ms = worker_thread_busy_ms(instance->reader);
  int64_t writing_ms = worker_thread_busy_ms(writer);
  if (atomic_load(&instance->is_saving_due) && writing_ms > hung_ms) {
    hung_ms = writing_ms;
  }
  sample_put_gauge(&sample_sink, get_log_name(instance), "duration", "hung",
                   (double)(hung_ms / 1000));
}

/* Always 0: collectd would double the interval after a failure. */
static int request_read(user_data_t *data) {
  struct log_instance *instance = data->data;
  int64_t now_ms = clock_monotonic_ms();
  send_hung_time(instance);
  if (!atomic_exchange(&instance->is_reading_due, true)) {
    if (log_complaint_clear(&instance->late, now_ms, NULL)) {
      log_write(&log_sink, LOG_LEVEL_NOTICE,
                "log \"%s\": is read within the interval again",
                get_log_name(instance));
    }
    (void)worker_thread_put(instance->reader, &read_at_interval);
  } else if (log_complaint_fail(&instance->late, now_ms)) {
    log_write(&log_sink, LOG_LEVEL_WARNING,
              "log \"%s\": reading its files or StateDir takes longer than "
              "the interval; its values are missing until it ends",
              get_log_name(instance));
  }
  return 0;
}

/* Asks for a read of the logs that have events, each after its pause. Returns
 * when the next one is due. */
static int64_t request_due_reads(bool *has_events) {
  int64_t now_ms = clock_monotonic_ms();
  int64_t next_ms = now_ms + 60000;
  for (size_t i = 0; i < instances_len; i++) {
    struct log_instance *instance = &instances[i];
    if (!has_events[i]) {
      continue;
    }
    instance->event_ms = instance->event_ms == 0 ? now_ms : instance->event_ms;
    bool is_busy = atomic_load(&instance->is_event_due);
    int64_t due_ms = (is_busy ? now_ms : atomic_load(&instance->read_ms)) +
                     compute_min_pause_ms();
    if (due_ms < instance->event_ms + EVENT_DELAY_MS) {
      due_ms = instance->event_ms + EVENT_DELAY_MS;
    }
    if (now_ms >= due_ms) {
      has_events[i] = false;
      instance->event_ms = 0;
      atomic_store(&instance->is_event_due, true);
      (void)worker_thread_put(instance->reader, &read_after_events);
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
    next_ms = request_due_reads(has_events);
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

static int start_reader(struct log_instance *instance, struct error *error) {
  const struct worker_thread_options reader = {
      .work = read_log,
      .context = instance,
      .items_max = 2, /* one of each kind */
      .stack_bytes = READER_STACK_BYTES,
  };
  instance->context = plugin_get_ctx();
  return worker_thread_new(&reader, &instance->reader, error);
}

static int start_log(struct log_instance *instance,
                     const struct log_options *log) {
  struct error error = {{0}};
  int code = log_monitor_new(log, &log_sink, &instance->monitor, &error);
  if (code == 0) {
    log_monitor_set_watch(instance->monitor, watch, instance->number);
    code = start_reader(instance, &error);
  }
  if (code != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "log \"%s\": %s", log->head.label,
              error.text[0] == '\0' ? "out of memory" : error.text);
  }
  return code;
}

/* The watch thread is first: the first read of a log sets its watches. */
static int start_threads(void) {
  const struct log_options *logs = options.logs.items;
  const struct worker_thread_options state_writer = {
      .work = write_state,
      .free_item = free_saving,
      .items_max = 2 * instances_len, /* one of each log, and its last */
  };
  struct error error = {{0}};
  int code = worker_thread_new(&state_writer, &writer, &error);
  if (code != 0) {
    log_write(&log_sink, LOG_LEVEL_ERROR, "%s", error.text);
  } else if (options.max_reads_per_s > 0) {
    start_watch_thread();
  }
  for (size_t i = 0; i < instances_len && code == 0; i++) {
    code = start_log(&instances[i], &logs[i]);
  }
  return code;
}

static int register_reads(void) {
  int code = 0;
  for (size_t i = 0; i < instances_len && code == 0; i++) {
    char name[128];
    (void)snprintf(name, sizeof(name), "session_log/%s",
                   get_log_name(&instances[i]));
    user_data_t data = {.data = &instances[i]};
    code = plugin_register_complex_read("session_log", name, request_read, 0,
                                        &data);
  }
  return code;
}

/* Queues each log's state a last time, once its thread has ended. Returns false
 * if a thread hangs: it is left behind with all that it uses. */
static bool stop_threads(void) {
  worker_thread_limit_stops(STOP_MS);
  struct tail_time now = read_clocks();
  bool are_stopped = true;
  for (size_t i = 0; i < instances_len; i++) {
    struct log_instance *instance = &instances[i];
    if (instance->reader != NULL &&
        !worker_thread_stop(instance->reader, STOP_MS)) {
      are_stopped = false;
    } else if (instance->is_loaded) {
      atomic_store(&instance->is_saving_due, false);
      queue_state(instance, &now);
    }
  }
  if (writer != NULL && !worker_thread_stop(writer, STOP_MS)) {
    are_stopped = false;
  }
  writer = NULL;
  return are_stopped;
}

/* No read callback runs any more. */
static int stop_session_log(void) {
  atomic_store(&is_stopping, true);
  if (watch != NULL) {
    file_watch_stop(watch);
    (void)pthread_join(thread, NULL);
  }
  if (!stop_threads()) {
    log_write(
        &log_sink, LOG_LEVEL_WARNING,
        "a file system hangs; its thread is left behind; a restart goes on "
        "from the state that was saved last");
    instances_len = 0;
    return 0;
  }
  file_watch_free(watch);
  watch = NULL;
  for (size_t i = 0; i < instances_len; i++) {
    log_monitor_free(instances[i].monitor);
  }
  free(instances);
  instances = NULL;
  instances_len = 0;
  option_fini(&session_log_options, &options);
  return 0;
}

static int init_session_log(void) {
  struct error error = {{0}};
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
  }
  if (start_threads() != 0) {
    (void)stop_session_log(); /* leaves no thread behind */
    return -1;
  }
  return register_reads();
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
