/* SPDX-License-Identifier: MIT */
/* outlets: where all that is found out goes. */
#ifndef DBPOOL_OUTLETS_H
#define DBPOOL_OUTLETS_H

#include "core/log.h"
#include "core/metric.h"
#include "core/notification.h"

struct outlets {
  struct sample_sink samples;
  struct notification_sink notifications;
  struct log_sink report;
};

#endif
