/* SPDX-License-Identifier: MIT */
/* drivers: the table of all actions. */
#include "resource_alert/actions/drivers.h"

const struct action_driver *const action_drivers[ACTION_KINDS] = {
    [ACTION_SWITCH] = &switch_driver,   [ACTION_EXEC] = &exec_driver,
    [ACTION_WEBHOOK] = &webhook_driver, [ACTION_SCALE] = &scale_driver,
    [ACTION_SUSPEND] = &suspend_driver, [ACTION_HAPROXY] = &haproxy_driver,
};
