/* SPDX-License-Identifier: MIT */
/* scale_options: what a <Scale> may hold. */
#include "resource_alert/actions/scale_options.h"

#include <errno.h>
#include <inttypes.h>

#include "resource_alert/actions/drivers.h"
#include "resource_alert/actions/kubernetes.h"

#define FIELD(name) offsetof(struct scale_options, name)

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("10"),
    {.name = "Namespace",
     .kind = OPTION_STRING,
     .offset = FIELD(space),
     .is_required = true,
     .example = "\"trading\"",
     .check = kubernetes_check_name,
     .help = "The namespace of the workload."},
    {.name = "Deployment",
     .kind = OPTION_STRING,
     .offset = FIELD(deployment),
     .check = kubernetes_check_name,
     .help = "What to scale, if it is a Deployment."},
    {.name = "StatefulSet",
     .kind = OPTION_STRING,
     .offset = FIELD(stateful_set),
     .check = kubernetes_check_name,
     .help = "What to scale, if it is a StatefulSet."},
    {.name = "ReplicaSet",
     .kind = OPTION_STRING,
     .offset = FIELD(replica_set),
     .check = kubernetes_check_name,
     .help = "What to scale, if it is a ReplicaSet."},
    {.name = "Min",
     .kind = OPTION_INTEGER,
     .offset = FIELD(min),
     .min = 1,
     .max = 10000,
     .default_text = "1",
     .unit = "replicas",
     .help = "Never go below this when scaling in."},
    {.name = "Max",
     .kind = OPTION_INTEGER,
     .offset = FIELD(max),
     .min = 1,
     .max = 10000,
     .is_required = true,
     .example = "10",
     .unit = "replicas",
     .help = "Never go above this."},
    {.name = "Step",
     .kind = OPTION_INTEGER,
     .offset = FIELD(step),
     .min = 1,
     .max = 1000,
     .default_text = "1",
     .unit = "replicas",
     .help = "How many to add, or to take away, at once. Replicas that are not "
             "ready yet count as added."},
    {.name = "StepPercent",
     .kind = OPTION_NUMBER,
     .offset = FIELD(step_percent),
     .min = 1,
     .max = 1000,
     .unit = "percent",
     .help = "In place of B<Step> when adding: so much of what is there, "
             "rounded up."},
    {.name = "Target",
     .kind = OPTION_NUMBER,
     .offset = FIELD(target),
     .min = 0.001,
     .max = 1e15,
     .help =
         "In place of B<Step> when adding: bring the rule's value here. The "
         "formula is that of Kubernetes' HorizontalPodAutoscaler, ceil("
         "replicas x value / Target), and within 10 % of the target "
         "nothing is done."},
    {.name = "Cooldown",
     .kind = OPTION_INTEGER,
     .offset = FIELD(cooldown_s),
     .min = 0,
     .max = 86400,
     .default_text = "180",
     .unit = "seconds",
     .help = "The pause after each step. It is kept in a Lease, "
             "C<resource-alert-NAME>, which all agents share: two of them "
             "scale once."},
    {.name = "ScaleInAfter",
     .kind = OPTION_INTEGER,
     .offset = FIELD(scale_in_after_s),
     .min = 0,
     .max = 86400,
     .default_text = "0",
     .unit = "seconds",
     .help = "Wait so long after the release before taking away the first "
             "replica."},
};

static int check_block(const void *target, struct error *error) {
  const struct scale_options *options = target;
  int kinds = (options->deployment != NULL) + (options->stateful_set != NULL) +
              (options->replica_set != NULL);
  if (kinds != 1) {
    return error_set(error, -EINVAL,
                     "needs one of Deployment, StatefulSet and ReplicaSet: "
                     "write Deployment \"api\"");
  }
  if (options->min > options->max) {
    return error_set(error, -EINVAL, "Min %" PRId64 " is above Max %" PRId64,
                     options->min, options->max);
  }
  return 0;
}

const struct option_block scale_block = {
    .name = "Scale",
    .label = OPTION_LABEL_NONE,
    .is_repeatable = true,
    .size = sizeof(struct scale_options),
    .help = "Adds replicas of a Kubernetes workload, one step each "
            "B<Cooldown> for as long as the response is engaged, and takes "
            "away afterwards what it has added. Where a "
            "HorizontalPodAutoscaler owns the workload, its minReplicas is "
            "raised and restored in place of the replicas.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
    .check = check_block,
};
