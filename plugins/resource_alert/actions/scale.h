/* SPDX-License-Identifier: MIT */
/* scale: changes the number of replicas of a Kubernetes workload. */
#ifndef RESOURCE_ALERT_ACTIONS_SCALE_H
#define RESOURCE_ALERT_ACTIONS_SCALE_H

#include "resource_alert/actions/action.h"

struct scale_options {
  struct action_options common;
  char *space;
  char *deployment;
  char *stateful_set;
  char *replica_set;
  int64_t min;
  int64_t max;
  int64_t step;
  double step_percent; /* NaN: Step counts */
  double target;       /* NaN: no ratio */
  int64_t cooldown_s;
  int64_t scale_in_after_s;
};

#endif
