/* SPDX-License-Identifier: MIT */
/* option_text: what is said about options: refusals and the reference. */
#ifndef CORE_OPTION_TEXT_H
#define CORE_OPTION_TEXT_H

#include "core/option.h"

/* "NAME VALUE WHY; allowed: ...; write NAME EXAMPLE". Returns -EINVAL. */
int option_refuse(const struct option *option, const struct config_value *value,
                  const char *why, struct error *error);

/* "unknown option NAME; did you mean ...?". Returns -EINVAL. */
int option_refuse_name(const struct option_block *block, const char *name,
                       struct error *error);

#endif
