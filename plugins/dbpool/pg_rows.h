/* SPDX-License-Identifier: MIT */
/* pg_rows: reads the rows of a libpq result, whose fields are all text. Inline,
 * because thousands of fields are read each time. */
#ifndef DBPOOL_PG_ROWS_H
#define DBPOOL_PG_ROWS_H

#include <errno.h>
#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* No number from a server is larger, so a few of them can be added or
 * subtracted without an overflow. In microseconds it is the year 2255. */
#define PG_ROWS_NUMBER_MAX INT64_C(9000000000000000)
#define PG_ROWS_COLUMNS_MAX 16

/* A result and a position in it. Columns are named by the reader's own numbers,
 * which an enum gives them. */
struct pg_rows {
  const PGresult *result;
  int row;
  int columns[PG_ROWS_COLUMNS_MAX]; /* in the result; -1: it has none such */
};

/* An array that grows to the longest result so far. */
struct pg_rows_array {
  void *items; /* owned: len structs side by side */
  size_t len, size;
};

/* Fills one item from the current row. Returns false to leave the row out. */
typedef bool pg_rows_read_item(const struct pg_rows *rows, void *item,
                               void *context);

/* Finds LEN columns by name. */
static inline void pg_rows_find_columns(struct pg_rows *rows,
                                        const char *const *names, size_t len) {
  for (size_t i = 0; i < len; i++) {
    rows->columns[i] = PQfnumber(rows->result, names[i]);
  }
}

/* Takes the first LEN columns as they stand. Returns false if the result does
 * not have exactly as many. */
static inline bool pg_rows_number_columns(struct pg_rows *rows, int len) {
  for (int i = 0; i < len; i++) {
    rows->columns[i] = i;
  }
  return PQnfields(rows->result) == len;
}

static inline bool pg_rows_is_null(const struct pg_rows *rows, int column) {
  return rows->columns[column] < 0 ||
         PQgetisnull(rows->result, rows->row, rows->columns[column]) != 0;
}

/* Borrowed from the result; "" for NULL and for a column that is missing. */
static inline const char *pg_rows_text(const struct pg_rows *rows, int column) {
  return rows->columns[column] < 0
             ? ""
             : PQgetvalue(rows->result, rows->row, rows->columns[column]);
}

/* A whole number of at most PG_ROWS_NUMBER_MAX either way; fallback for NULL,
 * for anything else, and for a column that is missing. */
static inline int64_t pg_rows_number(const struct pg_rows *rows, int column,
                                     int64_t fallback) {
  const char *text = pg_rows_text(rows, column);
  char *end = NULL;
  int64_t number = strtoll(text, &end, 10); /* saturates */
  bool is_valid = end != text && *end == '\0' && number <= PG_ROWS_NUMBER_MAX &&
                  number >= -PG_ROWS_NUMBER_MAX;
  return is_valid ? number : fallback;
}

/* A count from 0 to a thousand million; 0 for anything else. */
static inline int64_t pg_rows_count(const struct pg_rows *rows, int column) {
  int64_t count = pg_rows_number(rows, column, 0);
  return count >= 0 && count <= 1000000000 ? count : 0;
}

/* Replaces the items of an array by those of all rows.
 * Returns 0, or -ENOMEM; then the array is as it was. */
static inline int pg_rows_read_all(struct pg_rows *rows,
                                   struct pg_rows_array *array,
                                   size_t item_bytes,
                                   pg_rows_read_item *read_item,
                                   void *context) {
  int len = PQntuples(rows->result);
  if (array->items == NULL || (size_t)len > array->size) {
    void *larger = realloc(array->items, ((size_t)len + 1) * item_bytes);
    if (larger == NULL) {
      return -ENOMEM;
    }
    array->items = larger;
    array->size = (size_t)len;
  }
  array->len = 0;
  for (rows->row = 0; rows->row < len; rows->row++) {
    void *item = (char *)array->items + array->len * item_bytes;
    array->len += read_item(rows, item, context) ? 1 : 0;
  }
  return 0;
}

#endif
