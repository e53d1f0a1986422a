/* SPDX-License-Identifier: MIT */
/* scale: changes the number of replicas of a Kubernetes workload.
 *
 * What was added is counted in the memory of the action, which is saved before
 * each write: "added" in all, "from" and "to" of a write whose response was not
 * seen, "released" when the release began, "owner" the uid of the object that
 * was written. At the release no more is removed than was added. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "resource_alert/actions/action.h"
#include "resource_alert/actions/scale_target.h"
#include "resource_alert/clients/kubernetes.h"

struct scale_options {
  struct action_options common;
  char *space;
  char *deployment;
  char *stateful_set;
  char *replica_set;
  int64_t min;
  int64_t max;
  int64_t step;
  double target; /* NaN: no ratio */
  int64_t cooldown_s;
  int64_t scale_in_after_s;
};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("10"),
    {OPTION("Namespace", STRING, struct scale_options, space),
     .is_required = true, .example = "\"trading\"",
     .check = kubernetes_check_name, .help = "The namespace of the workload."},
    {OPTION("Deployment", STRING, struct scale_options, deployment),
     .check = kubernetes_check_name,
     .help = "Name of the workload, if it is a Deployment."},
    {OPTION("StatefulSet", STRING, struct scale_options, stateful_set),
     .check = kubernetes_check_name,
     .help = "Name of the workload, if it is a StatefulSet."},
    {OPTION("ReplicaSet", STRING, struct scale_options, replica_set),
     .check = kubernetes_check_name,
     .help = "Name of the workload, if it is a ReplicaSet."},
    {OPTION("Min", INTEGER, struct scale_options, min), .min = 1, .max = 10000,
     .default_text = "1", .unit = "replicas",
     .help =
         "Minimum number of replicas. No replica is removed at or below it."},
    {OPTION("Max", INTEGER, struct scale_options, max), .min = 1, .max = 10000,
     .is_required = true, .example = "10", .unit = "replicas",
     .help = "Maximum number of replicas. No replica is added at or above it."},
    {OPTION("Step", INTEGER, struct scale_options, step), .min = 1, .max = 1000,
     .default_text = "1", .unit = "replicas",
     .help = "Number of replicas to add or remove in one step. Replicas that "
             "are not ready yet count as added."},
    {OPTION("Target", NUMBER, struct scale_options, target), .min = 0.001,
     .max = 1e15,
     .help = "The value that the rule should have. It replaces B<Step> when "
             "replicas are added. The new number of replicas is "
             "ceil(replicas x value / Target), as in Kubernetes' "
             "HorizontalPodAutoscaler. Nothing is done if the value is within "
             "10 % of the target."},
    {OPTION("Cooldown", INTEGER, struct scale_options, cooldown_s), .min = 0,
     .max = 86400, .default_text = "180", .unit = "seconds",
     .help = "Time between two steps. The time of the last step is stored in "
             "the Lease C<resource-alert-NAME>, which all agents share, so "
             "that two agents do not scale at the same time."},
    {OPTION("ScaleInAfter", INTEGER, struct scale_options, scale_in_after_s),
     .min = 0, .max = 86400, .default_text = "0", .unit = "seconds",
     .help = "Time between the release of the response and the removal of the "
             "first replica."},
};

/* What a table of single options cannot express: one workload, and an order of
 * two numbers. */
static int check_scale_block(const void *target, struct error *error) {
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

/* Conflicts come from controllers that write the status of the object; they are
 * over within a second. */
#define CONFLICT_TRIES 3
#define REMEMBERED_MAX INT64_C(1000000000000)

struct scale {
  struct action base;
  struct scale_target target;
  bool has_claim; /* for an attempt that has not succeeded yet */
};

/* ---- making ---- */

/* The API has a path for each kind of workload; the scale below it is the same
 * for all. */
static struct scale_target
make_scale_target(const struct scale_options *options) {
  struct scale_target target = {.space = options->space,
                                .kind = "Deployment",
                                .plural = "deployments",
                                .name = options->deployment};
  if (options->stateful_set != NULL) {
    target.kind = "StatefulSet";
    target.plural = "statefulsets";
    target.name = options->stateful_set;
  } else if (options->replica_set != NULL) {
    target.kind = "ReplicaSet";
    target.plural = "replicasets";
    target.name = options->replica_set;
  }
  return target;
}

/* Without the kind: a Deployment and a StatefulSet of one name in one namespace
 * are rare. */
static void format_scale_subject(const void *options, char *text,
                                 size_t bytes) {
  struct scale_target target = make_scale_target(options);
  (void)snprintf(text, bytes, "%s/%s", target.space, target.name);
}

/* The target borrows the names from the options and the client from the
 * action. */
static int init_scale(void *self, struct error *error) {
  struct scale *scale = self;
  (void)error;
  scale->target = make_scale_target(scale->base.options);
  scale->target.kubernetes = scale->base.kubernetes;
  return 0;
}

/* ---- how many ---- */

/* Bounded, so that sums cannot overflow whatever the state file contains. */
static int64_t get_remembered(const struct action_call *call, const char *key) {
  int64_t value = json_integer_value(json_object_get(call->memory, key));
  return value < -REMEMBERED_MAX  ? -REMEMBERED_MAX
         : value > REMEMBERED_MAX ? REMEMBERED_MAX
                                  : value;
}

/* Only in memory: call->save() has it on the disk, before a change that depends
 * on it. */
static void set_remembered(struct action_call *call, const char *key,
                           int64_t value) {
  (void)json_object_set_new(call->memory, key, json_integer((json_int_t)value));
}

/* How many replicas there should be, by ratio or step. */
static int64_t count_wanted_replicas(const struct scale *scale,
                                     const struct scale_now *now,
                                     const struct action_request *request) {
  const struct scale_options *options = scale->base.options;
  /* More than maxReplicas the autoscaler would refuse as its minimum. */
  int64_t most = options->max < now->limit ? options->max : now->limit;
  double replicas = (double)now->replicas;
  double more = replicas + (double)options->step;
  if (isfinite(options->target) && isfinite(request->value)) {
    double ratio = request->value / options->target;
    more = fabs(ratio - 1.0) <= 0.1 ? replicas : ceil(replicas * ratio);
  }
  if (more > (double)most) {
    return most;
  }
  return more < 0 ? 0 : (int64_t)more;
}

/* ---- attempts ---- */

/* An absent key reads as 0; see get_remembered(). */
static void forget_remembered(struct action_call *call, const char *key) {
  (void)json_object_del(call->memory, key);
}

/* Reads the present state. If another object owns the number than the one that
 * we changed (an autoscaler was added or removed, or the object was recreated),
 * what was added is not ours to remove any more. */
static int read_scale(struct scale *scale, struct scale_now *now,
                      struct action_call *call) {
  int code = scale_target_read(&scale->target, now, call);
  if (code != 0) {
    return code;
  }
  const char *owner = json_string_value(json_object_get(call->memory, "owner"));
  if (owner != NULL && strcmp(owner, now->owner) != 0) {
    call->note(call->context, "ownership_lost",
               json_pack("{s:I, s:s}", "added",
                         (json_int_t)get_remembered(call, "added"),
                         "autoscaler", now->autoscaler));
    forget_remembered(call, "added");
    forget_remembered(call, "from");
    forget_remembered(call, "to");
  }
  (void)json_object_set_new(call->memory, "owner", json_string(now->owner));
  return 0;
}

/* Between two steps; at least a second, or the API server would be flooded. */
static int64_t get_pause_ms(const struct scale *scale) {
  const struct scale_options *options = scale->base.options;
  return options->cooldown_s > 0 ? options->cooldown_s * 1000 : 1000;
}

/* Returns 0 when no agent has scaled within the cooldown: now we may. */
static int claim_cooldown(struct scale *scale, struct action_call *call) {
  const struct scale_options *options = scale->base.options;
  int64_t wait_s = 0;
  if (scale->has_claim) {
    return 0;
  }
  int code = scale_target_claim_cooldown(&scale->target, scale->base.owner,
                                         options->cooldown_s, &wait_s, call);
  scale->has_claim = code == 0;
  if (code == -EAGAIN) {
    call->again_in_ms = wait_s * 1000;
  }
  return code;
}

/* Finds out from the present state whether the last write was done, if its
 * response was never seen: after a timeout or a restart. */
static void resolve_last_write(struct scale *scale, const struct scale_now *now,
                               struct action_call *call) {
  if (json_object_get(call->memory, "to") == NULL) {
    return;
  }
  int64_t from = get_remembered(call, "from");
  int64_t change = get_remembered(call, "to") - from;
  if (now->value == from) {
    set_remembered(call, "added", get_remembered(call, "added") - change);
  } else {
    scale->has_claim = false;
  }
  forget_remembered(call, "from");
  forget_remembered(call, "to");
}

/* What is added is saved before it is written, so that it is undone whatever
 * happens. */
static int write_replicas(struct scale *scale, const struct scale_now *now,
                          int64_t value, const struct action_request *request,
                          struct action_call *call) {
  char note[256];
  int64_t change = value - now->value;
  set_remembered(call, "added", get_remembered(call, "added") + change);
  set_remembered(call, "from", now->value);
  set_remembered(call, "to", value);
  call->save(call->context);
  int code = scale_target_write(&scale->target, now, value, false, call);
  /* Refused: for certain nothing was written. After any other failure, as a
   * timeout, only the next read shows whether it was. */
  if (code == -ESTALE || code == -EACCES || code == -EINVAL || code == -EBUSY) {
    resolve_last_write(scale, now, call); /* refused */
  }
  if (code != 0) {
    return code;
  }
  forget_remembered(call, "from");
  forget_remembered(call, "to");
  scale->has_claim = false;
  call->replicas = now->replicas + change;
  (void)snprintf(note, sizeof(note),
                 "response %s, rule %s: %s from %" PRId64 " to %" PRId64,
                 request->response, request->cause,
                 now->autoscaler[0] == '\0' ? "replicas" : "minReplicas",
                 now->value, value);
  kubernetes_send_event(scale->base.kubernetes, scale->target.space,
                        scale->target.kind, scale->target.name, request->host,
                        request->is_on, change > 0 ? "ScaledOut" : "ScaledIn",
                        note, call);
  return 0;
}

/* One step. The next one comes after the cooldown, for as long as a rule is in
 * breach. */
static int scale_out(struct scale *scale, const struct action_request *request,
                     struct action_call *call) {
  struct scale_now now;
  forget_remembered(call, "released");
  int code = read_scale(scale, &now, call);
  if (code != 0) {
    return code;
  }
  call->again_in_ms = get_pause_ms(scale);
  call->replicas = now.replicas;
  resolve_last_write(scale, &now, call);
  int64_t value = count_wanted_replicas(scale, &now, request);
  /* Without a breach the response is still engaged, until ReleaseAfter: then
   * the number stays as it is. */
  if (value <= now.value || !request->is_breached) {
    return 0; /* at the limit, near the target, or no breach any more */
  }
  code = claim_cooldown(scale, call);
  if (code == -EAGAIN) {
    return 0; /* another agent has just scaled: that is enough */
  }
  return code == 0 ? write_replicas(scale, &now, value, request, call) : code;
}

/* One step back, never below Min and never more than was added here. */
static int scale_in(struct scale *scale, const struct action_request *request,
                    struct action_call *call) {
  const struct scale_options *options = scale->base.options;
  int64_t added = get_remembered(call, "added");
  struct scale_now now;
  if (added <= 0) {
    return 0;
  }
  if (get_remembered(call, "released") == 0) {
    set_remembered(call, "released", request->now_s);
  }
  int64_t wait_s = get_remembered(call, "released") +
                   options->scale_in_after_s - request->now_s;
  /* The second comparison is for a clock that was set back: it must not make
   * the wait longer. */
  if (wait_s > 0 && wait_s <= options->scale_in_after_s) {
    call->again_in_ms = wait_s * 1000;
    return -EAGAIN;
  }
  int code = read_scale(scale, &now, call);
  if (code != 0) {
    return code;
  }
  resolve_last_write(scale, &now, call);
  added = get_remembered(call, "added");
  if (added <= 0) {
    return 0;
  }
  int64_t step = added < options->step ? added : options->step;
  int64_t value =
      now.value - step < options->min ? options->min : now.value - step;
  if (value >= now.value) { /* somebody has removed them already */
    (void)json_object_clear(call->memory);
    return 0;
  }
  code = claim_cooldown(scale, call);
  if (code == 0) {
    code = write_replicas(scale, &now, value, request, call);
  }
  if (code == 0 && get_remembered(call, "added") > 0) {
    call->again_in_ms = get_pause_ms(scale);
    return -EAGAIN;
  }
  return code;
}

/* A conflict means that somebody else has written: read and compute again. */
static int set_scale(void *self, const struct action_request *request,
                     struct action_call *call) {
  int code = -ESTALE;
  for (int i = 0; i < CONFLICT_TRIES && code == -ESTALE; i++) {
    code = request->is_on ? scale_out(self, request, call)
                          : scale_in(self, request, call);
  }
  return code;
}

/* With dryRun=All the server checks the write and does not store it. */
static int self_test_scale(void *self, struct action_call *call) {
  struct scale *scale = self;
  struct scale_now now;
  int code = scale_target_read(&scale->target, &now, call);
  return code == 0
             ? scale_target_write(&scale->target, &now, now.value, true, call)
             : code;
}

const struct action_driver action_scale_driver = {
    .block =
        {
            .name = "Scale",
            .label = OPTION_LABEL_NONE,
            .is_repeatable = true,
            .size = sizeof(struct scale_options),
            .help = "Adds replicas to a Kubernetes workload, one step per "
                    "B<Cooldown>, while the response is engaged. Afterwards it "
                    "removes the replicas that it has added. If a "
                    "HorizontalPodAutoscaler owns the workload, its "
                    "minReplicas is raised and restored instead.",
            OPTION_ROWS(option_rows),
            .check = check_scale_block,
        },
    .needs_kubernetes = true,
    .size = sizeof(struct scale),
    .format_subject = format_scale_subject,
    .init = init_scale,
    .set = set_scale,
    .self_test = self_test_scale,
};
