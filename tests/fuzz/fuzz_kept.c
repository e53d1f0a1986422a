/* SPDX-License-Identifier: MIT */
/* fuzz_kept: any bytes as the files that outlive the daemon: silences, desired
 * states, the end of the journal. What is taken from them can be said again. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "resource_alert/alerts/silence.h"
#include "resource_alert/journal.h"
#include "resource_alert/responses/response_state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[64];

static void remove_files(void) {
  char bad[80];
  (void)snprintf(bad, sizeof(bad), "%s.bad", path);
  (void)unlink(path);
  (void)unlink(bad);
}

static void write_file(const uint8_t *data, size_t size) {
  if (path[0] == '\0') {
    (void)snprintf(path, sizeof(path), "/dev/shm/fuzz_kept.%ld",
                   (long)getpid());
    (void)atexit(remove_files);
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
    abort();
  }
  (void)close(fd);
}

static void say(void *context, enum log_level level, const char *line) {
  (void)context;
  (void)level;
  for (const char *c = line; *c != '\0'; c++) {
    if ((unsigned char)*c < ' ') {
      abort(); /* a control character has got through */
    }
  }
}

static void read_silences(const struct log_sink *log) {
  struct silences *silences = NULL;
  if (silences_open(path, 1000, log, &silences, NULL) != 0) {
    abort();
  }
  (void)silences_cover(silences, "rule", "h/p/t", 1000);
  json_t *all = silences_to_json(silences, 1000);
  if (json_array_size(all) > SILENCES_MAX) {
    abort();
  }
  json_decref(all);
  silences_close(silences);
}

static void read_journal(const struct log_sink *log) {
  struct journal *journal = NULL;
  if (journal_open(path, log, &journal, NULL) != 0) {
    abort();
  }
  json_decref(journal_recent_to_json(journal, 10));
  journal_close(journal);
}

/* Whatever is restored can be saved. */
static void read_states(const struct log_sink *log) {
  static const struct response_settings settings;
  struct response_state_file *file = NULL;
  struct response response;
  struct response_saved saved = {.mode = -1};
  if (response_state_file_open(path, log, &file, NULL) != 0 ||
      response_init(&response, &settings, 1, 0, 0) != 0) {
    abort();
  }
  response.rules[0].name = "rule";
  if (response_state_file_apply(file, "r", &response, NULL, &saved)) {
    response_state_file_save(file, "r", &response, NULL, &saved);
  }
  response_state_file_close(file);
  response_fini(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct log_sink log = {.write = say};
  write_file(data, size);
  read_journal(&log);
  read_states(&log);
  write_file(data, size); /* it may have been set aside */
  read_silences(&log);
  return 0;
}
