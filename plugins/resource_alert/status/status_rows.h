/* SPDX-License-Identifier: MIT */
/* status_rows: the threshold table as it stands, as JSON. */
#ifndef RESOURCE_ALERT_STATUS_STATUS_ROWS_H
#define RESOURCE_ALERT_STATUS_STATUS_ROWS_H

#include <jansson.h>
#include <stddef.h>

#include "resource_alert/table/rows.h"
#include "resource_alert/table/table.h"

/* How many series of a row are shown, the worst first. */
#define STATUS_SERIES_MAX 20

/* Walks the table, a series' lock at a time; any thread.
 * Returns [{"name","state","since","value","unit","limits","inverted",
 * "series_count","counts","series":[{"name","state","value","since","flapping"}]}]:
 * yours; NULL without memory. */
json_t *status_rows(const struct rows *rows, struct table *table);

/* The value of a row's worst series, NaN where there is none. Walks the table
 * as status_rows() does: for those who ask now and then. */
double status_row_value(struct table *table, size_t row);

#endif
