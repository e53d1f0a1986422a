/* SPDX-License-Identifier: MIT */
/* reader_session_log: takes files through the whole pipeline of session_log:
 *   reader_session_log POLLS FILE [OPTION=VALUE ...]
 * FILE may be a pattern; it is read from the beginning at the first poll. POLLS
 * 0: read(2) alone, the bound. Prints milliseconds of CPU time, those of the
 * polls after the first, the peak of memory in KiB, and opened, closed, failed
 * and error lines. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/config.h"
#include "session_log/log_monitor.h"

static double cpu_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The most memory that this process has had: ru_maxrss may be that of the
 * program before. */
static long memory_kib(void) {
  long peak = 0;
  char line[128];
  FILE *status = fopen("/proc/self/status", "re");
  while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
    if (sscanf(line, "VmHWM: %ld", &peak) == 1) {
      break;
    }
  }
  if (status != NULL) {
    (void)fclose(status);
  }
  return peak;
}

struct counts {
  long long opened, closed, failed, errors;
};

static void take_sample(void *context, const struct sample *sample) {
  struct counts *counts = context;
  const struct {
    const char *name;
    long long *count;
  } rows[] = {{"opened", &counts->opened},
              {"closed", &counts->closed},
              {"failed", &counts->failed}};
  if (strcmp(sample->type, "errors") == 0) {
    counts->errors = sample->values[0].derive;
  }
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (strcmp(sample->type, "total_sessions") == 0 &&
        strcmp(sample->type_instance, rows[i].name) == 0) {
      *rows[i].count = sample->values[0].derive;
    }
  }
}

static int read_only(const char *path) {
  static char data[TAIL_FILE_CHUNK_BYTES];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got;
  while (fd >= 0 && (got = read(fd, data, sizeof(data))) > 0) {
  }
  return fd < 0 ? -1 : close(fd);
}

/* Writes the <Log> for the command line into TEXT. Returns its length. */
static size_t write_block(char *text, size_t room, const char *path,
                          char **settings) {
  int bytes = snprintf(text, room,
                       "<Log \"bench\">\nFile \"%s\"\nStartAt "
                       "\"beginning\"\nMaxReadBytes 1099511627776\n",
                       path);
  for (; *settings != NULL && bytes < (int)room; settings++) {
    char *equals = strchr(*settings, '=');
    bytes += snprintf(text + bytes, room - (size_t)bytes, "%.*s %s\n",
                      equals == NULL ? 0 : (int)(equals - *settings), *settings,
                      equals == NULL ? "" : equals + 1);
  }
  bytes += snprintf(text + bytes, room - (size_t)bytes, "</Log>\n");
  return (size_t)bytes;
}

static int make_monitor(const char *path, char **settings,
                        struct session_log_options *options,
                        struct log_monitor **ret_monitor) {
  char text[4096];
  struct config_item root = {.key = NULL};
  struct error error = {{0}};
  size_t bytes = write_block(text, sizeof(text), path, settings);
  int code = config_text_parse(text, bytes, &root, &error);
  root.key = strdup("Plugin");
  if (code == 0 && root.key != NULL) {
    code = option_parse(&session_log_options, &root, options, &error);
  }
  config_item_fini(&root);
  if (code == 0) {
    code = log_monitor_new(options->logs.items, NULL, ret_monitor, &error);
  }
  if (code != 0) {
    (void)fprintf(stderr, "%s\n", error.text);
  }
  return code;
}

static int follow(int polls, const char *path, char **settings) {
  struct session_log_options options;
  struct log_monitor *monitor = NULL;
  if (option_init(&session_log_options, &options) != 0 ||
      make_monitor(path, settings, &options, &monitor) != 0) {
    return 1;
  }
  struct tail_time now = {.mono_ms = 1,
                          .wall_ns = (int64_t)time(NULL) * 1000000000};
  long memory_before = memory_kib();
  double first = cpu_ms();
  double later = first;
  for (int i = 0; i < polls; i++) {
    if (log_monitor_poll(monitor, &now) != 0) {
      return 1;
    }
    now.mono_ms += 10000;
    now.wall_ns += INT64_C(10000000000);
    later = i == 0 ? cpu_ms() : later;
  }
  struct counts counts = {0};
  const struct sample_sink sink = {take_sample, &counts};
  log_monitor_publish(monitor, &sink);
  printf("%.3f %.3f %ld %lld %lld %lld %lld\n", later - first, cpu_ms() - later,
         memory_kib() - memory_before, counts.opened, counts.closed,
         counts.failed, counts.errors);
  log_monitor_free(monitor);
  option_fini(&session_log_options, &options);
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    (void)fprintf(stderr, "usage: %s POLLS FILE [OPTION=VALUE ...]\n", argv[0]);
    return 2;
  }
  int polls = (int)strtol(argv[1], NULL, 10);
  if (polls > 0) {
    return follow(polls, argv[2], argv + 3);
  }
  double before = cpu_ms();
  int code = read_only(argv[2]);
  printf("%.3f 0 0 0 0 0 0\n", cpu_ms() - before);
  return code == 0 ? 0 : 1;
}
