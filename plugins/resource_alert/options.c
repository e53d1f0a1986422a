/* SPDX-License-Identifier: MIT */
/* options: what a <Plugin resource_alert> block may hold. */
#include "resource_alert/options.h"

const struct option_block resource_alert_options = {
    .name = "resource_alert",
    .size = sizeof(struct resource_alert_options),
    .help = "The plugin resource_alert.",
};
