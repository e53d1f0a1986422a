/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin statgrab> block may hold. */
#include "statgrab/options.h"

const struct option_block statgrab_options = {
    .name = "statgrab",
    .size = sizeof(struct statgrab_options),
    .help = "The plugin statgrab.",
};
