/* SPDX-License-Identifier: MIT */
/* option_value: one value of the configuration into one field. */
#ifndef CORE_OPTION_VALUE_H
#define CORE_OPTION_VALUE_H

#include "core/option.h"

/* Replaces *FIELD, which is owned or NULL, by a copy. Returns 0 or -ENOMEM. */
int option_set_string(char **field, const char *value);

/* Puts VALUE into OPTION's field of TARGET, or appends it to the field's list.
 * Returns 0, -EINVAL with the reason, -ENOMEM. */
int option_take_value(const struct option *option,
                      const struct config_value *value, void *target,
                      struct error *error);

#endif
