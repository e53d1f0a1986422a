/* SPDX-License-Identifier: MIT */
/* drivers: the table of all actions. A new one is a file with a driver, a line
 * here, one in drivers.c and a rule in the options of a <Response>. */
#ifndef RESOURCE_ALERT_ACTIONS_DRIVERS_H
#define RESOURCE_ALERT_ACTIONS_DRIVERS_H

#include "resource_alert/actions/action.h"
#include "resource_alert/actions/store.h"

enum action_kind {
  ACTION_SWITCH,
  ACTION_EXEC,
  ACTION_WEBHOOK,
  ACTION_SCALE,
  ACTION_SUSPEND,
  ACTION_HAPROXY,
  ACTION_KINDS, /* how many there are */
};

extern const struct option_block switch_block;
extern const struct option_block exec_block;
extern const struct option_block webhook_block;
extern const struct option_block scale_block;
extern const struct option_block suspend_block;
extern const struct option_block haproxy_block;

extern const struct action_driver switch_driver;
extern const struct action_driver exec_driver;
extern const struct action_driver webhook_driver;
extern const struct action_driver scale_driver;
extern const struct action_driver suspend_driver;
extern const struct action_driver haproxy_driver;

/* By enum action_kind. */
extern const struct action_driver *const action_drivers[ACTION_KINDS];

#endif
