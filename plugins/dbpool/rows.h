/* SPDX-License-Identifier: MIT */
/* rows: reads the fields of a libpq result, all of which are text. */
#ifndef DBPOOL_RULES_H
#define DBPOOL_RULES_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No number from a server is larger; so a few of them can be added, or one
 * subtracted from another, without a second thought. In microseconds it is the
 * year 2255. */
#define ROWS_NUMBER_MAX INT64_C(9000000000000000)

/* The whole number in a field, of at most ROWS_NUMBER_MAX either way; fallback:
 * for NULL, for what is no such number, and for a column that is not there
 * (-1). */
int64_t rows_number(const PGresult *rows, int row, int column,
                    int64_t fallback);

/* The same for a count, 0 to a thousand million; 0 for anything else. */
int64_t rows_count(const PGresult *rows, int row, int column);

/* True for the "t" of a boolean; false for anything else, NULL included. */
bool rows_is_true(const PGresult *rows, int row, int column);

/* The text in a field; "" for NULL and for a column that is not there (-1).
 * Borrowed from the result. */
const char *rows_text(const PGresult *rows, int row, int column);

/* Finds LEN columns by name: columns[i] is that of names[i], -1 if there is
 * none. */
void rows_find_columns(const PGresult *rows, const char *const *names,
                       size_t len, int *columns);

/* The array with room for len items and one more, moved if need be.
 * *size: the room that it has. Returns NULL when memory is short; then the
 * array is as it was. */
void *rows_reserve(void *items, size_t *size, size_t len, size_t item_bytes);

#endif
