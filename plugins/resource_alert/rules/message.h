/* SPDX-License-Identifier: MIT */
/* message: the text of a notification, from a pattern with %{...} in it. */
#pragma once

#include <stddef.h>

#include "core/error.h"

enum message_field {
  MESSAGE_RULE,
  MESSAGE_HOST,
  MESSAGE_PLUGIN,
  MESSAGE_PLUGIN_INSTANCE,
  MESSAGE_TYPE,
  MESSAGE_TYPE_INSTANCE,
  MESSAGE_DATA_SOURCE,
  MESSAGE_VALUE,
  MESSAGE_LIMIT,
  MESSAGE_COUNT,
  MESSAGE_INTERVAL,
  MESSAGE_STATE,
  MESSAGE_PREVIOUS,
  MESSAGE_SINCE,
  MESSAGE_UNIT,
  MESSAGE_SEVERITY,
  MESSAGE_PEAK,
  MESSAGE_LASTED,
};

#define MESSAGE_FIELDS (MESSAGE_LASTED + 1)

/* For an option's check: every %{...} is known and closed; %% is a percent
 * sign, as is one that no brace follows. Returns 0 or -EINVAL. */
int message_check(const char *pattern, struct error *error);

/* Writes PATTERN, checked before, with the fields' texts in place, cut at
 * BYTES - 1 on a whole UTF-8 character. fields: MESSAGE_FIELDS texts, none of
 * them NULL. Control characters become '?'. */
void message_format(const char *pattern, const char *const *fields, char *text,
                    size_t bytes);
