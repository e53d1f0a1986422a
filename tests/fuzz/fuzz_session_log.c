/* SPDX-License-Identifier: MIT */
/* fuzz_session_log: any bytes as the lines of a log, and as the state of one.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "session_log/logbook_state.h"
#include "session_log/logbook_store.h"

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

/* One book for all inputs, as new. */
static struct logbook *open_book(void) {
  static const struct logbook_sinks sinks = {NULL, NULL};
  static struct logbook *book;
  if (book == NULL) {
    configure();
    if (logbook_new(options.logs.items, &sinks, &book, NULL) != 0) {
      abort();
    }
  } else if (logbook_renew(book) != 0) {
    abort();
  }
  return book;
}

static void take_as_lines(const uint8_t *data, size_t size) {
  struct logbook *book = open_book();
  char *copy = calloc(1, size + SCANNER_SLACK_BYTES);
  static char path[] = "/nonexistent/fuzz.log";
  const struct tracked file = {.fd = -1, .home = path, .path = path};
  if (copy != NULL && size > 0) {
    memcpy(copy, data, size);
    book->now_s = 1700000000;
    logbook_take_lines(book, &file, copy, size);
    sessions_advance(book->sessions, 1700010000, NULL, NULL);
  }
  free(copy);
}

/* A record with the right checksum is rare; what is before it is parsed. */
static void take_as_state(const uint8_t *data, size_t size) {
  struct logbook *book = open_book();
  if (logbook_load(book, 1000, (const char *)data, size) == 0) {
    struct record_writer record = {0};
    logbook_save(book, 1000, &record);
    if (record.is_failed) {
      abort();
    }
    record_writer_fini(&record);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  take_as_lines(data, size);
  take_as_state(data, size);
  return 0;
}
