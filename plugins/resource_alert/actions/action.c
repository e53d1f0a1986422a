/* SPDX-License-Identifier: MIT */
/* action: the interface of all actions, and the table of their drivers. */
#include "resource_alert/actions/action.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define NAME_LENGTH_MAX 63

const char *const action_mode_words[] = {"auto", "dryrun", "off", NULL};

int action_check_absolute(const char *value, struct error *error) {
  return value[0] == '/' ? 0
                         : error_set(error, -EINVAL, "is not an absolute path");
}

int action_check_name(const char *value, struct error *error) {
  size_t length = strlen(value);
  if (length == 0 || length > NAME_LENGTH_MAX) {
    return error_set(error, -EINVAL, "must have 1 to %d characters",
                     NAME_LENGTH_MAX);
  }
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)value[i];
    bool is_plain = c < 0x80 && (isalnum(c) || c == '_');
    if (!is_plain && (i == 0 || (c != '-' && c != '.'))) {
      return error_set(error, -EINVAL,
                       "may hold letters, digits, '_', and behind the first "
                       "'-' and '.'");
    }
  }
  return 0;
}

const struct action_driver *const action_drivers[ACTION_KINDS] = {
    [ACTION_SWITCH] = &action_switch_driver,
    [ACTION_EXEC] = &action_exec_driver,
    [ACTION_WEBHOOK] = &action_webhook_driver,
    [ACTION_SCALE] = &action_scale_driver,
    [ACTION_CRONJOB] = &action_cronjob_driver,
    [ACTION_HAPROXY] = &action_haproxy_driver,
};
