/* SPDX-License-Identifier: MIT */
/* level: whether a line was logged with the level of an error. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "session_log/match/pattern.h"

/* Every line of level error or above contains one of these texts. Returns how
 * many there are. */
size_t level_texts(const struct pattern_span **ret_texts);

/* True if the level of LINE is error or above: the value of a JSON line's
 * level field, else the first level word of the line ("INFO ... no ERROR" is
 * none). Words in small letters count in brackets or behind a '=' only. */
bool level_is_error(const char *line, size_t bytes);
