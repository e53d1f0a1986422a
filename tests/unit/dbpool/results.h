/* SPDX-License-Identifier: MIT */
/* results: libpq results made of text, as a server would have sent them. */
#pragma once

#include "unit.h"

#include <libpq-fe.h>
#include <string.h>

#define FIELD_BYTES 512

/* A result from lines: the first one names the columns, each further one is a
 * row. Fields are separated by '|'; \N is NULL. Yours, PQclear(). */
static inline PGresult *result_from(const char *lines) {
  PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
  PGresAttDesc columns[32];
  char names[32][FIELD_BYTES];
  memset(columns, 0, sizeof(columns));
  int row = -1;
  int len = 0;
  for (const char *line = lines; *line != '\0'; row++) {
    size_t length = strcspn(line, "\n");
    const char *end = line + length;
    int column = 0;
    for (const char *field = line; field <= end; column++) {
      size_t bytes = strcspn(field, "|\n");
      assert_in_range(bytes, 0, FIELD_BYTES - 1);
      assert_in_range(column, 0, 31);
      char text[FIELD_BYTES] = {0};
      memcpy(text, field, bytes);
      if (row < 0) {
        memcpy(names[column], text, sizeof(text));
        columns[column].name = names[column];
        len = column + 1;
      } else {
        int is_null = strcmp(text, "\\N") == 0;
        assert_int_equal(PQsetvalue(result, row, column, is_null ? NULL : text,
                                    is_null ? -1 : (int)bytes),
                         1);
      }
      field += bytes + 1;
    }
    if (row < 0) {
      assert_int_equal(PQsetResultAttrs(result, len, columns), 1);
    }
    line = *end == '\n' ? end + 1 : end;
  }
  return result;
}
