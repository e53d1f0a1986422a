/* SPDX-License-Identifier: MIT */
/* directory_fixture: files in a directory of the test's own. */
#pragma once

#include "unit.h"

#include <stdio.h>
#include <string.h>

static char directory[64];

static const char *path_of(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  (void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
  return path;
}

static inline void append(const char *name, const char *text) {
  FILE *file = fopen(path_of(name), "a");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}
