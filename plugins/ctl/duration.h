/* SPDX-License-Identifier: MIT */
/* duration: "90", "90s", "15m", "2h", "7d". */
#ifndef CTL_DURATION_H
#define CTL_DURATION_H

#include "core/error.h"

/* Returns 0 with seconds, more than 0 and at most a year; or -EINVAL. */
int duration_parse(const char *text, double *ret_s, struct error *error);

#endif
