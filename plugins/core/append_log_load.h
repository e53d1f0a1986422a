/* SPDX-License-Identifier: MIT */
/* append_log_load: what an append_log holds at the start; for append_log.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/log.h"

#define APPEND_LOG_FILE_MODE 0640

struct append_log_load {
  const char *path, *what; /* as in the options */
  const char *head;        /* the first line */
  struct log_sink sink;
  int (*take)(void *context, const json_t *line);
  void *context;

  /* What is found: */
  size_t whole_bytes; /* up to the end of the last line */
  size_t lines;       /* passed */
  size_t bad_lines;
  size_t first_bad; /* its number */
  FILE *bad;        /* their text; NULL: memory was short */
  bool is_blocked;  /* the file cannot be read: it must not be touched */
};

/* Does what append_log_open() says of the content of the file. Disk I/O.
 * Returns 0, -ENOMEM, or what take() returned. */
int append_log_load_file(struct append_log_load *loading);
