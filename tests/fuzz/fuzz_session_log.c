/* SPDX-License-Identifier: MIT */
/* fuzz_session_log: any bytes as the lines of a log, and as the state of one.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "session_log/log_monitor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char settings[] = "<Log \"fuzz\">\n"
                               "  File \"/nonexistent/fuzz.log\"\n"
                               "  Session \"session=(\\\\w+)\"\n"
                               "  Pid \"pid=(\\\\d+)\"\n"
                               "  Restart \"started( again)?\"\n"
                               "  MaxSessions 4\n"
                               "</Log>\n";

static struct session_log_options options;

static void configure(void) {
  struct config_item root = {.key = NULL};
  if (config_text_parse(settings, sizeof(settings) - 1, &root, NULL) != 0 ||
      option_init(&session_log_options, &options) != 0 ||
      (root.key = strdup("Plugin")) == NULL ||
      option_parse(&session_log_options, &root, &options, NULL) != 0) {
    abort();
  }
  config_item_fini(&root);
}

/* One monitor for all inputs, reset before each. */
static struct log_monitor *open_monitor(void) {
  static struct log_monitor *monitor;
  if (monitor == NULL) {
    configure();
    if (log_monitor_new(options.logs.items, NULL, &monitor, NULL) != 0) {
      abort();
    }
  } else if (log_monitor_reset(monitor) != 0) {
    abort();
  }
  return monitor;
}

static void poll_at(struct log_monitor *monitor, int64_t wall_s) {
  const struct tail_time now = {1000, wall_s * INT64_C(1000000000)};
  struct notification_list notifications;
  if (log_monitor_poll(monitor, &now) != 0) {
    abort();
  }
  log_monitor_take_notifications(monitor, &notifications);
  notification_list_send_and_free(&notifications, "fuzz", NULL);
}

static void take_as_lines(const uint8_t *data, size_t size) {
  struct log_monitor *monitor = open_monitor();
  char *copy = malloc(size); /* no byte more: for the sanitizer */
  if (copy != NULL && size > 0) {
    memcpy(copy, data, size);
    poll_at(monitor, 1700000000);
    log_monitor_add_lines(monitor, "/nonexistent/fuzz.log", copy, size, false);
    poll_at(monitor, 1700010000);
  }
  free(copy);
}

/* The input as what is between the head of a record and its checksum. */
static void take_as_state(const uint8_t *data, size_t size) {
  struct log_monitor *monitor = open_monitor();
  struct state_file_record input = {0};
  struct state_file_record output = {0};
  state_file_begin_record(&input);
  state_file_put_bytes(&input, data, size);
  state_file_end_record(&input);
  if (log_monitor_restore_record(monitor, 1000, &input) == 0) {
    log_monitor_fill_record(monitor, 1000, &output);
    if (output.is_failed) {
      abort();
    }
  }
  state_file_record_fini(&output);
  state_file_record_fini(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  take_as_lines(data, size);
  take_as_state(data, size);
  return 0;
}
