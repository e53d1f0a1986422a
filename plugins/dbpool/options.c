/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin dbpool> block may hold. */
#include "dbpool/options.h"

const struct option_block dbpool_options = {
    .name = "dbpool",
    .size = sizeof(struct dbpool_options),
    .help = "The plugin dbpool.",
};
