/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin session_log> block may hold. */
#include "session_log/options.h"

const struct option_block session_log_options = {
    .name = "session_log",
    .size = sizeof(struct session_log_options),
    .help = "The plugin session_log.",
};
