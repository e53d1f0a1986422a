/* SPDX-License-Identifier: MIT */
/* notification: a <Notification> row: what other plugins say is bad. */
#ifndef RESOURCE_ALERT_TABLE_NOTIFICATION_H
#define RESOURCE_ALERT_TABLE_NOTIFICATION_H

#include "core/notice.h"
#include "core/option.h"
#include "core/reading.h"

/* Globs; "*" where the block says nothing. */
struct notification_options {
  struct option_head head;
  char *host;
  char *plugin;
  char *plugin_instance;
  char *type;
  char *type_instance;
  char *message;
  struct option_strings severities; /* none: warning and failure */
  double ttl_s;
};

extern const struct option_block notification_block;

/* What a notification says to a row. */
enum notification_word {
  NOTIFICATION_NOTHING, /* it is not for this row */
  NOTIFICATION_OKAY,    /* whatever was said before is over */
  NOTIFICATION_WARNING,
  NOTIFICATION_FAILURE,
};

enum notification_word notification_word(const struct notification_options *row,
                                         const struct notice *notice);

/* The series that a notification stands for: its names, cut where they are too
 * long. */
void notification_names(const struct notice *notice,
                        struct reading_names *ret_names);

#endif
