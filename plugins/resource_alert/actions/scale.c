/* SPDX-License-Identifier: MIT */
/* scale: changes the number of replicas of a Kubernetes workload.
 *
 * A release takes back what was added here, and never more than the record
 * allows. The memory of the action also has "released", when the release
 * began. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/json_util.h"
#include "resource_alert/actions/action.h"
#include "resource_alert/actions/scale_record.h"
#include "resource_alert/actions/scale_room.h"
#include "resource_alert/clients/kubernetes.h"

struct scale_options {
  struct action_options common;
  char *space;
  char *deployment;
  char *stateful_set;
  char *replica_set;
  char *api;
  char *kind;
  char *name;
  int64_t min;
  int64_t step;
  double target; /* NaN: no ratio */
  int64_t cooldown_s;
  int64_t scale_in_after_s;
};

/* It becomes a part of a URL. */
static int check_api_version(const char *value, struct error *error) {
  const char *slash = strchr(value, '/');
  size_t length = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789.-/");
  bool is_fine =
      value[0] != '\0' && value[length] == '\0' &&
      strstr(value, "..") == NULL && value[0] != '/' &&
      (slash == NULL || (slash[1] != '\0' && strchr(slash + 1, '/') == NULL));
  return is_fine ? 0
                 : error_set(error, -EINVAL,
                             "is no version of an API: write it as in the "
                             "manifest, for example \"argoproj.io/v1alpha1\"");
}

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
    {OPTION("APIVersion", STRING, struct scale_options, api),
     .example = "\"argoproj.io/v1alpha1\"", .check = check_api_version,
     .help = "API version of any other workload that has a scale subresource, "
             "as in its manifest. Use it with B<Kind> and B<Name>."},
    {OPTION("Kind", STRING, struct scale_options, kind),
     .example = "\"Rollout\"", .check = option_check_name,
     .help = "Kind of that workload."},
    {OPTION("Name", STRING, struct scale_options, name),
     .check = kubernetes_check_name, .help = "Name of that workload."},
    {OPTION("Min", INTEGER, struct scale_options, min), .min = 1, .max = 10000,
     .default_text = "1", .unit = "replicas",
     .help = "The first step adds replicas up to at least this number. A "
             "release does not stop at it: a workload that had fewer replicas "
             "gets that number back."},
    {OPTION("Max", INTEGER, struct scale_options, common.replicas_max),
     .min = 1, .max = 10000, .is_required = true, .example = "10",
     .unit = "replicas",
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
             "that two agents do not scale at the same time. If something else "
             "takes the replicas back after each step, the pause doubles each "
             "time, up to one hour. After the fifth time no replica is added "
             "until the response is released and engaged again."},
    {OPTION("ScaleInAfter", INTEGER, struct scale_options, scale_in_after_s),
     .min = 0, .max = 86400, .default_text = "0", .unit = "seconds",
     .help = "Time between the release of the response and the removal of the "
             "first replica."},
    {OPTION("Pool", STRING, struct scale_options, common.pool),
     .example = "\"trading\"", .check = option_check_name,
     .help = "The B<E<lt>PoolE<gt>> of dbpool on this host that has the "
             "connections of the workload; or the pool I<NAME>-I<DATABASE>-"
             "I<USER> of a B<E<lt>PgBouncerE<gt>>. Replicas are added only if "
             "the server, or the PgBouncer, has room for all their "
             "connections, by the last values of C<headroom> and C<total> "
             "(C<clients> of a PgBouncer): C<headroom> must also hold those "
             "that the present replicas may still open. Without fresh values "
             "no replica is added. The number of replicas to remove does not "
             "depend on it. Use it with B<ConnectionsPerReplica>."},
    {OPTION("ConnectionsPerReplica", INTEGER, struct scale_options,
            common.connections),
     .min = 1, .max = 100000, .example = "30", .unit = "connections",
     .help = "The most connections that one replica opens to the database of "
             "B<Pool>: C<pool_size> plus C<max_overflow>, times its worker "
             "processes."},
};

/* What a table of single options cannot express: one workload, and an order of
 * two numbers. */
static int check_scale_block(const void *target, struct error *error) {
  const struct scale_options *options = target;
  int kinds = (options->deployment != NULL) + (options->stateful_set != NULL) +
              (options->replica_set != NULL);
  int parts = (options->api != NULL) + (options->kind != NULL) +
              (options->name != NULL);
  if (kinds * 3 + parts != 3) {
    return error_set(error, -EINVAL,
                     "needs one of Deployment, StatefulSet and ReplicaSet, or "
                     "APIVersion, Kind and Name: write Deployment \"api\"");
  }
  if (options->min > options->common.replicas_max) {
    return error_set(error, -EINVAL, "Min %" PRId64 " is above Max %" PRId64,
                     options->min, options->common.replicas_max);
  }
  if ((options->common.pool == NULL) != (options->common.connections == 0)) {
    return error_set(error, -EINVAL,
                     "needs Pool and ConnectionsPerReplica together: write "
                     "both, or none");
  }
  return 0;
}

/* Conflicts come from controllers that write the status of the object; they are
 * over within a second. */
#define CONFLICT_TRIES 3

struct scale {
  struct action base;
  struct scale_record record;
  char blocked[ACTION_FINDING_BYTES]; /* by the pool, as journaled last */
};

/* ---- making ---- */

/* The plural of a kind that is not built in is left to the server. */
static struct scale_target
make_scale_target(const struct scale_options *options) {
  struct scale_target target = {.space = options->space,
                                .api = "apps/v1",
                                .kind = "Deployment",
                                .plural = "deployments",
                                .name = options->deployment};
  if (options->stateful_set != NULL) {
    target.kind = "StatefulSet";
    target.name = options->stateful_set;
    memcpy(target.plural, "statefulsets", sizeof("statefulsets"));
  } else if (options->replica_set != NULL) {
    target.kind = "ReplicaSet";
    target.name = options->replica_set;
    memcpy(target.plural, "replicasets", sizeof("replicasets"));
  } else if (options->name != NULL) {
    target.api = options->api;
    target.kind = options->kind;
    target.name = options->name;
    target.plural[0] = '\0';
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
  const struct scale_options *options = scale->base.options;
  scale->record = (struct scale_record){.target = make_scale_target(options),
                                        .owner = scale->base.owner,
                                        .cooldown_s = options->cooldown_s};
  scale->record.target.kubernetes = scale->base.kubernetes;
  return 0;
}

/* ---- how many ---- */

/* How many replicas there should be, by ratio or step. */
static int64_t count_wanted_replicas(const struct scale_options *options,
                                     const struct scale_now *now,
                                     const struct action_request *request) {
  /* More than maxReplicas the autoscaler would refuse as its minimum. */
  int64_t most = options->common.replicas_max < now->limit
                     ? options->common.replicas_max
                     : now->limit;
  double replicas = (double)now->replicas;
  double more = replicas + (double)options->step;
  if (isfinite(options->target) && isfinite(request->value)) {
    double ratio = request->value / options->target;
    more = fabs(ratio - 1.0) <= 0.1 ? replicas : ceil(replicas * ratio);
  }
  if (more > replicas && more < (double)options->min) {
    more = (double)options->min;
  }
  if (more > (double)most) {
    return most;
  }
  return more < 0 ? 0 : (int64_t)more;
}

/* Journaled once, and again when the numbers have changed. blocked: the text
 * that was journaled last. */
static void note_blocked(const struct scale_options *options, char *blocked,
                         const struct action_request *request,
                         struct action_call *call) {
  if (strcmp(blocked, call->finding) == 0) {
    return;
  }
  memcpy(blocked, call->finding, sizeof(call->finding));
  call->note(call->context, "blocked",
             json_pack("{s:s, s:o, s:o, s:I}", "cause", call->finding, "left",
                       json_util_from_number(request->left), "open",
                       json_util_from_number(request->open), "needed",
                       (json_int_t)options->common.connections));
}

/* Lowers VALUE to the replicas that the pool's server has room for. Where there
 * is none for one more, returns the present value, with OUTCOME. */
static int64_t limit_to_pool(const struct scale_options *options, char *blocked,
                             const struct scale_now *now, int64_t value,
                             const struct action_request *request,
                             enum action_outcome outcome,
                             struct action_call *call) {
  const char *pool = options->common.pool;
  int64_t more = pool == NULL ? INT64_MAX
                              : scale_room_count(request->left, request->open,
                                                 now->replicas,
                                                 options->common.connections);
  if (more > 0) {
    blocked[0] = '\0';
    return value - now->replicas > more ? now->replicas + more : value;
  }
  if (more < 0) {
    (void)action_call_set_outcome(
        call, outcome, "the room of pool \"%s\" is not known: no fresh value",
        pool);
  } else {
    (void)action_call_set_outcome(
        call, outcome,
        "pool \"%s\": %.0f connections left and %.0f open, %" PRId64
        " needed for one more replica beside the %" PRId64 " present",
        pool, request->left, request->open, options->common.connections,
        now->replicas);
  }
  note_blocked(options, blocked, request, call);
  return now->value;
}

/* ---- simulation ---- */

/* A recording does not say how many replicas there were: as many as the open
 * connections need, at least one. */
static void simulate_scale(const void *scale_options,
                           const struct action_request *request,
                           struct action_world *world,
                           struct action_call *call) {
  const struct scale_options *options = scale_options;
  call->outcome = ACTION_CONFIRMED;
  if (!request->is_on) {
    *world = (struct action_world){0};
    return;
  }
  double used = options->common.pool != NULL && isfinite(request->open)
                    ? ceil(request->open / (double)options->common.connections)
                    : 1;
  int64_t present = world->added + (used > 1 ? (int64_t)used : 1);
  const struct scale_now now = {
      .value = present, .replicas = present, .limit = INT64_MAX};
  int64_t value = count_wanted_replicas(options, &now, request);
  if (value > present && request->is_breached) {
    value = limit_to_pool(options, world->blocked, &now, value, request,
                          ACTION_CONFIRMED, call);
    world->added += value - present;
  }
  call->again_in_ms =
      options->cooldown_s > 0 ? options->cooldown_s * 1000 : 1000;
}

/* ---- attempts ---- */

/* One step, which people see as an Event. */
static int step_replicas(struct scale *scale, struct scale_look *look,
                         int64_t value, const struct action_request *request,
                         struct action_call *call) {
  char note[256];
  const struct scale_target *target = &scale->record.target;
  int code = scale_record_write(&scale->record, look, value, call);
  if (code != 0) {
    return code;
  }
  (void)snprintf(note, sizeof(note),
                 "response %s, rule %s: %s from %" PRId64 " to %" PRId64,
                 request->response, request->cause,
                 scale_target_key(&look->now), look->now.value, value);
  kubernetes_send_event(
      target->kubernetes, target->space, target->api, target->kind,
      target->name, request->host, request->is_on,
      value > look->now.value ? "ScaledOut" : "ScaledIn", note, call);
  return 0;
}

/* Returns true if somebody else takes back what we write, with the outcome. */
static bool is_taken_back(const struct scale_now *now,
                          const struct action_request *request,
                          struct action_call *call) {
  char what[64];
  const struct undo_reverts reverts = undo_book_get_reverts(call->memory);
  (void)snprintf(what, sizeof(what), "%s is %" PRId64, scale_target_key(now),
                 now->value);
  return undo_book_forbid_write(&reverts, request->now_s, what, call);
}

/* One step. The next one comes after the cooldown, for as long as a rule is in
 * breach. */
static int scale_out(struct scale *scale, const struct action_request *request,
                     struct action_call *call) {
  const struct scale_options *options = scale->base.options;
  struct scale_look look;
  const struct scale_now *now = &look.now;
  (void)json_object_del(call->memory, "released");
  int code = scale_record_look(&scale->record, &look, request, call);
  if (code != 0) {
    return code;
  }
  if (now->is_missing) {
    return -ENOENT; /* the error has what the server said */
  }
  call->again_in_ms = scale_record_pause_s(&scale->record) * 1000;
  if (now->replicas == 0) { /* as an autoscaler does: ScalingDisabled */
    return action_call_set_outcome(
        call, ACTION_LEFT_ALONE,
        "there are 0 replicas: somebody has stopped it; it is not started");
  }
  int64_t value = count_wanted_replicas(options, now, request);
  call->outcome = ACTION_CONFIRMED;
  /* Without a breach the response is still engaged, until ReleaseAfter: then
   * the number stays as it is. */
  if (value <= now->value || !request->is_breached ||
      is_taken_back(now, request, call)) {
    return 0; /* at the limit, near the target, or no breach any more */
  }
  if (scale_record_check_cooldown(&scale->record, &look, call) == -EAGAIN) {
    return 0; /* another agent has just scaled: that is enough */
  }
  value = limit_to_pool(options, scale->blocked, now, value, request,
                        scale_record_get(call, "added") > 0 ? ACTION_CONFIRMED
                                                            : ACTION_LEFT_ALONE,
                        call);
  if (value <= now->value) {
    return 0;
  }
  return step_replicas(scale, &look, value, request, call);
}

/* Returns how long ScaleInAfter still lasts. */
static int64_t get_scale_in_wait_s(const struct scale *scale,
                                   const struct action_request *request,
                                   struct action_call *call) {
  const struct scale_options *options = scale->base.options;
  if (scale_record_get(call, "released") == 0) {
    scale_record_set(call, "released", request->now_s);
  }
  int64_t wait_s = scale_record_get(call, "released") +
                   options->scale_in_after_s - request->now_s;
  /* A clock that was set back must not make the wait longer. */
  return wait_s > 0 && wait_s <= options->scale_in_after_s ? wait_s : 0;
}

/* Nothing of what stands is ours any more. */
static int end_release(struct action_call *call, enum action_outcome outcome,
                       const char *finding) {
  (void)json_object_clear(call->memory);
  return action_call_set_outcome(call, outcome, "%s", finding);
}

/* One step back, never more than was added here, and never below what somebody
 * else has written last. */
static int scale_in(struct scale *scale, const struct action_request *request,
                    struct action_call *call) {
  const struct scale_options *options = scale->base.options;
  struct scale_look look;
  int64_t wait_s = get_scale_in_wait_s(scale, request, call);
  /* A step back whose end was not seen is counted as done until then. */
  if (scale_record_get(call, "added") <= 0 &&
      scale_record_get(call, "pending") >= 0) {
    return end_release(call, ACTION_CONFIRMED, "there is nothing to take back");
  }
  if (wait_s > 0) {
    call->again_in_ms = wait_s * 1000;
    return -EAGAIN;
  }
  int code = scale_record_look(&scale->record, &look, request, call);
  if (code == -ENOENT) {
    return end_release(call, ACTION_GONE, call->error->text);
  }
  if (code != 0) {
    return code;
  }
  if (look.is_lost || look.is_changed) {
    return end_release(call, ACTION_LEFT_ALONE,
                       look.is_lost
                           ? "it was made anew, or belongs to another "
                             "autoscaler, since it was scaled"
                           : "somebody else has set the number since it was "
                             "scaled");
  }
  int64_t value = undo_book_plan_release(
      &look.lease.book, scale_record_get(call, "added"), options->step);
  if (value < look.now.value) {
    code = scale_record_check_cooldown(&scale->record, &look, call);
    code = code == 0 ? step_replicas(scale, &look, value, request, call) : code;
    if (code == 0 && scale_record_get(call, "added") > 0 &&
        value > look.lease.book.found) {
      call->again_in_ms = scale_record_pause_s(&scale->record) * 1000;
      return -EAGAIN;
    }
  }
  return code == 0 ? end_release(call, ACTION_CONFIRMED,
                                 look.now.is_missing
                                     ? "there is no workload any more; its "
                                       "autoscaler is as it was found"
                                     : "")
                   : code;
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

static int self_test_scale(void *self, struct action_call *call) {
  struct scale *scale = self;
  return scale_record_self_test(&scale->record, call);
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
                    "removes the replicas that it has added. A number that "
                    "somebody else sets meanwhile stays as it is. If a "
                    "HorizontalPodAutoscaler owns the workload, its "
                    "minReplicas is raised and restored instead. A workload "
                    "with 0 replicas is not started.",
            OPTION_ROWS(option_rows),
            .check = check_scale_block,
        },
    .needs_kubernetes = true,
    .size = sizeof(struct scale),
    .format_subject = format_scale_subject,
    .init = init_scale,
    .set = set_scale,
    .simulate = simulate_scale,
    .self_test = self_test_scale,
};
