/* SPDX-License-Identifier: MIT */
/* captured: recorded answers of real servers, one file a release in captured/,
 * written by tests/system/test_dbpool_captured.py. */
#pragma once

#include "results.h"

#include <glob.h>
#include <stdio.h>

#define CAPTURED_BYTES 16384

/* The files captured/PATTERN; yours, globfree(). */
static inline glob_t captured_find(const char *pattern) {
  char path[512];
  glob_t found;
  (void)snprintf(path, sizeof(path), "%.*scaptured/%s",
                 (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__,
                 pattern);
  assert_int_equal(glob(path, 0, NULL, &found), 0);
  return found;
}

/* Reads the tables of a file, between empty lines. results: LEN of them, as
 * many as there are tables; yours, captured_clear(). */
static inline void captured_read(const char *path, PGresult **results,
                                 size_t len) {
  char text[CAPTURED_BYTES] = {0};
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  assert_in_range(fread(text, 1, sizeof(text), file), 1, sizeof(text) - 1);
  assert_int_equal(fclose(file), 0);
  print_message("%s\n", strrchr(path, '/') + 1);
  char *table = text;
  for (size_t i = 0; i < len; i++) {
    table = strstr(table, "\n\n");
    assert_non_null(table);
    table += 2;
    char *end = strstr(table, "\n\n");
    if (end != NULL) {
      end[1] = '\0';
    }
    results[i] = result_from(table);
    if (end != NULL) {
      end[1] = '\n';
    }
  }
  assert_null(strstr(table, "\n\n"));
}

static inline void captured_clear(PGresult **results, size_t len) {
  for (size_t i = 0; i < len; i++) {
    PQclear(results[i]);
  }
}
