/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin session_log> block may hold. */
#ifndef SESSION_LOG_OPTIONS_H
#define SESSION_LOG_OPTIONS_H

#include "core/option.h"

struct session_log_options {
  struct option_head head;
};

extern const struct option_block session_log_options;

#endif
