/* SPDX-License-Identifier: MIT */
/* rows: reads the fields of a libpq result, all of which are text. */
#ifndef DBPOOL_ROWS_H
#define DBPOOL_ROWS_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole number in a field; fallback: for NULL and what is no number. */
int64_t rows_number(const PGresult *rows, int row, int column,
                    int64_t fallback);

/* True for the "t" of a boolean; false for anything else, NULL included. */
bool rows_is_true(const PGresult *rows, int row, int column);

/* The array with room for len items and one more, moved if need be.
 * *size: the room that it has. Returns NULL when memory is short; then the
 * array is as it was. */
void *rows_reserve(void *items, size_t *size, size_t len, size_t item_bytes);

#endif
