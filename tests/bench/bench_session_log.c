/* SPDX-License-Identifier: MIT */
/* bench_session_log: reads files through the whole pipeline of session_log and
 * prints how long that took: bench_session_log [-r] FILE [OPTION=VALUE ...]
 * -r: read(2) alone, the bound. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/config_text.h"
#include "session_log/logbook.h"

static double cpu_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_sample(void *context, const struct sample *sample) {
  (void)context;
  if (strcmp(sample->type, "total_sessions") == 0 ||
      strcmp(sample->type, "errors") == 0) {
    printf(" %s=%lld",
           sample->type_instance[0] == '\0' ? "errors" : sample->type_instance,
           (long long)sample->values[0].derive);
  }
}

static int read_only(const char *path) {
  static char data[READER_CHUNK_BYTES];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  while (fd >= 0 && (got = read(fd, data, sizeof(data))) > 0) {
  }
  return fd < 0 ? -1 : close(fd);
}

static int follow(char *path, char **settings, int settings_len) {
  char text[4096];
  int bytes = snprintf(text, sizeof(text),
                       "<Log \"bench\">\nFile \"%s\"\nStartAt \"beginning\"\n"
                       "MaxRead 1099511627776\n",
                       path);
  for (int i = 0; i < settings_len && bytes < (int)sizeof(text); i++) {
    char *value = strchr(settings[i], '=');
    if (value != NULL) {
      *value = ' ';
    }
    bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "%s\n",
                      settings[i]);
  }
  bytes += snprintf(text + bytes, sizeof(text) - (size_t)bytes, "</Log>\n");
  struct session_log_options options;
  struct config_item root = {.key = NULL};
  struct error error = {{0}};
  struct logbook *book = NULL;
  const struct logbook_sinks sinks = {NULL, NULL};
  if (config_text_parse(text, (size_t)bytes, &root, &error) != 0 ||
      option_init(&session_log_options, &options) != 0 ||
      (root.key = strdup("Plugin")) == NULL ||
      option_parse(&session_log_options, &root, &options, &error) != 0 ||
      logbook_new(options.logs.items, &sinks, &book, &error) != 0) {
    (void)fprintf(stderr, "%s\n", error.text);
    return -1;
  }
  const struct moment now = {.mono_ms = 1,
                             .wall_ns = (int64_t)time(NULL) * 1000000000};
  int code = logbook_poll(book, &now);
  const struct sample_sink sink = {print_sample, NULL};
  logbook_publish(book, &sink);
  logbook_free(book);
  option_fini(&session_log_options, &options);
  config_item_fini(&root);
  return code;
}

int main(int argc, char **argv) {
  bool reads_only = argc > 2 && strcmp(argv[1], "-r") == 0;
  char *path = argc > 1 ? argv[reads_only ? 2 : 1] : NULL;
  struct stat status;
  if (path == NULL || stat(path, &status) != 0) {
    (void)fprintf(stderr, "usage: %s [-r] FILE [OPTION=VALUE ...]\n", argv[0]);
    return 2;
  }
  double before = cpu_s();
  int code = reads_only ? read_only(path) : follow(path, argv + 2, argc - 2);
  double spent = cpu_s() - before;
  printf(" seconds=%.4f gb_per_s=%.2f\n", spent,
         (double)status.st_size / spent / 1e9);
  return code == 0 ? 0 : 1;
}
