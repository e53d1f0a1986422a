/* SPDX-License-Identifier: MIT */
/* line_json: the time, the level and the message of a JSON object. */
#pragma once

#include "session_log/match/matcher.h"

/* Reads the object that TEXT begins with; it may be cut off. Sets in
 * *ret_fields what it has. */
void line_json_read(struct line_reader *reader, const char *text, size_t bytes,
                    struct line_fields *ret_fields);
