/* SPDX-License-Identifier: MIT */
/* level: whether a line was logged as an error, by its level field. */
#ifndef SESSION_LOG_SCAN_LEVEL_H
#define SESSION_LOG_SCAN_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

#include "session_log/scan/pattern.h"

/* The texts of which every line of level error or above holds one. Returns how
 * many. */
size_t level_texts(const struct pattern_span **ret_texts);

/* True if the level of LINE is error or above: the value of a JSON line's
 * level field, else the first level word of the line ("INFO ... no ERROR" is
 * none). Words in small letters count in brackets or behind a '=' only. */
bool level_is_error(const char *line, size_t bytes);

#endif
