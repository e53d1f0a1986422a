/* SPDX-License-Identifier: MIT */
/* rows: reads the fields of a libpq result, all of which are text. */
#include "dbpool/rows.h"

#include <stdlib.h>

/* Not strtoll(): thousands of fields a read are plain digits. */
int64_t rows_number(const PGresult *rows, int row, int column,
                    int64_t fallback) {
  if (column < 0) {
    return fallback;
  }
  const char *text = PQgetvalue(rows, row, column);
  bool is_negative = *text == '-';
  int64_t number = 0;
  text += is_negative ? 1 : 0;
  if (*text == '\0') {
    return fallback;
  }
  for (; *text != '\0'; text++) {
    if (*text < '0' || *text > '9' || number >= ROWS_NUMBER_MAX / 10) {
      return fallback;
    }
    number = number * 10 + (*text - '0');
  }
  return is_negative ? -number : number;
}

int64_t rows_count(const PGresult *rows, int row, int column) {
  int64_t count = rows_number(rows, row, column, 0);
  return count >= 0 && count <= 1000000000 ? count : 0;
}

bool rows_is_true(const PGresult *rows, int row, int column) {
  return PQgetvalue(rows, row, column)[0] == 't';
}

const char *rows_text(const PGresult *rows, int row, int column) {
  return column < 0 ? "" : PQgetvalue(rows, row, column);
}

void rows_find_columns(const PGresult *rows, const char *const *names,
                       size_t len, int *columns) {
  for (size_t i = 0; i < len; i++) {
    columns[i] = PQfnumber(rows, names[i]);
  }
}

void *rows_reserve(void *items, size_t *size, size_t len, size_t item_bytes) {
  if (len < *size) {
    return items;
  }
  void *larger = realloc(items, (len + 1) * item_bytes);
  if (larger != NULL) {
    *size = len + 1;
  }
  return larger;
}
