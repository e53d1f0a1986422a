/* SPDX-License-Identifier: MIT */
/* cronjob: suspends a Kubernetes CronJob while the response is engaged. An
 * annotation on the job says who has; only that is undone.
 *
 * Suspending keeps new jobs from starting; one that runs already goes on. A
 * write is a merge patch with the resourceVersion that was read, so that a
 * change by somebody else in between makes it fail with 409 and be repeated.
 * The annotation stays when somebody resumes the job and suspends it again: who
 * has written the field last is in the managedFields, which the server keeps.
 *
 * The controller before Kubernetes 1.21 never starts a CronJob again that has
 * missed more than 100 times, unless it has a deadline. So it gets one, which
 * is taken away when the job has run, or has missed fewer. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "resource_alert/actions/action.h"
#include "resource_alert/actions/undo_book.h"
#include "resource_alert/clients/kubernetes.h"

#define MANAGER "collectd-resource-alert"
#define SUSPENDED_KEY "resource-alert/suspended-by"
#define DEADLINE_KEY "resource-alert/deadline-by"
#define QUERY "?fieldManager=" MANAGER

/* How often it is looked at while it is suspended. */
#define LOOK_S 15

/* Fewer than 100 times of a job of every minute, with a margin. */
#define DEADLINE_S 200
#define MISSED_TIMES_MAX 100
#define SAFE_S (95 * 60)
#define DEADLINE_MARGIN_S 120
#define DEADLINE_MAX_S 86400

struct cronjob_options {
  struct action_options common;
  char *space;
  char *name;
};

/* The version is found out with the first read and kept; it changes only with
 * an upgrade of the cluster. */
struct cronjob {
  struct action base;
  bool is_v1beta1; /* the version of the API that the cluster has */
};

/* The CronJob as the API server shows it. */
struct cronjob_now {
  bool is_suspended;
  bool is_marked;       /* our annotation is on it */
  bool is_ours;         /* and nobody else has written the suspension since */
  bool has_deadline;    /* startingDeadlineSeconds */
  bool is_own_deadline; /* that we have set */
  int64_t last_s;       /* when it ran last or was made; 0: not known */
  char version[64];     /* resourceVersion */
  char writer[128];     /* who else suspended it, for people */
};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("10"),
    {OPTION("Namespace", STRING, struct cronjob_options, space),
     .is_required = true, .example = "\"trading\"",
     .check = kubernetes_check_name, .help = "The namespace of the CronJob."},
    {OPTION("Name", STRING, struct cronjob_options, name), .is_required = true,
     .example = "\"fetch-prices\"", .check = kubernetes_check_name,
     .help = "Name of the CronJob. When a CronJob without "
             "startingDeadlineSeconds is resumed, Kubernetes starts one missed "
             "run. Before Kubernetes 1.21 it never starts the CronJob again "
             "after more than 100 missed runs. There the action sets "
             "startingDeadlineSeconds to 200 when it suspends such a CronJob, "
             "and removes it after the next run."},
};

/* The namespace belongs to the name: two namespaces may have a CronJob of the
 * same name. */
static void format_cronjob_subject(const void *options, char *text,
                                   size_t bytes) {
  const struct cronjob_options *own = options;
  (void)snprintf(text, bytes, "%s/%s", own->space, own->name);
}

/* Who else has written spec.suspend last. NULL: nobody, or the server does not
 * say. */
static const char *find_other_writer(const json_t *object) {
  const json_t *entries =
      json_object_get(json_object_get(object, "metadata"), "managedFields");
  size_t index;
  const json_t *entry;
  json_array_foreach(entries, index, entry) {
    const char *manager = json_string_value(json_object_get(entry, "manager"));
    const json_t *spec =
        json_object_get(json_object_get(entry, "fieldsV1"), "f:spec");
    if (manager != NULL && strcmp(manager, MANAGER) != 0 &&
        json_object_get(spec, "f:suspend") != NULL) {
      return manager;
    }
  }
  return NULL;
}

/* What concerns the deadline: only what we have set is ours. */
static void parse_deadline(json_t *object, const char *owner,
                           struct cronjob_now *now) {
  json_int_t deadline_s = -1;
  const char *by = NULL;
  const char *last = NULL;
  (void)json_unpack(object, "{s:{s:I}}", "spec", "startingDeadlineSeconds",
                    &deadline_s);
  (void)json_unpack(object, "{s:{s:{s:s}}}", "metadata", "annotations",
                    DEADLINE_KEY, &by);
  (void)json_unpack(object, "{s:{s:s}}", "metadata", "creationTimestamp",
                    &last);
  (void)json_unpack(object, "{s:{s:s}}", "status", "lastScheduleTime", &last);
  now->has_deadline = deadline_s >= 0;
  now->is_own_deadline =
      deadline_s == DEADLINE_S && by != NULL && strcmp(by, owner) == 0;
  now->last_s = kubernetes_parse_time(last);
}

/* Without a resourceVersion a write would be unconditional. */
static int parse_cronjob(const struct cronjob *cronjob, json_t *object,
                         struct cronjob_now *now, struct error *error) {
  const char *version = NULL;
  const char *mark = NULL;
  int is_suspended = 0;
  *now = (struct cronjob_now){0};
  (void)json_unpack(object, "{s:{s:s}}", "metadata", "resourceVersion",
                    &version);
  (void)json_unpack(object, "{s:{s:{s:s}}}", "metadata", "annotations",
                    SUSPENDED_KEY, &mark);
  (void)json_unpack(object, "{s:{s:b}}", "spec", "suspend", &is_suspended);
  if (version == NULL || strlen(version) >= sizeof(now->version) ||
      !json_is_object(json_object_get(object, "spec"))) {
    return error_set(error, -EPROTO,
                     "the CronJob has no valid resourceVersion or spec");
  }
  memcpy(now->version, version, strlen(version) + 1);
  const char *writer = find_other_writer(object);
  now->is_suspended = is_suspended != 0;
  now->is_marked = mark != NULL && strcmp(mark, cronjob->base.owner) == 0;
  now->is_ours = now->is_marked && writer == NULL;
  (void)snprintf(now->writer, sizeof(now->writer), "%s",
                 writer != NULL                    ? writer
                 : mark != NULL && !now->is_marked ? mark
                                                   : "somebody else");
  parse_deadline(object, cronjob->base.owner, now);
  return 0;
}

/* One place knows the path. */
static int request_cronjob(const struct cronjob *cronjob, const char *method,
                           const char *query, json_t *body,
                           struct action_call *call, json_t **ret) {
  const struct cronjob_options *options = cronjob->base.options;
  return kubernetes_request(cronjob->base.kubernetes, method, body, call, ret,
                            "/apis/batch/%s/namespaces/%s/cronjobs/%s%s",
                            cronjob->is_v1beta1 ? "v1beta1" : "v1",
                            options->space, options->name, query);
}

/* batch/v1 came with Kubernetes 1.21; before, CronJobs were v1beta1. -ENOENT
 * only if one of them says so, and not a proxy. */
static int read_cronjob(struct cronjob *cronjob, struct cronjob_now *now,
                        struct action_call *call) {
  json_t *object = NULL;
  bool is_gone = false;
  int code = request_cronjob(cronjob, "GET", "", NULL, call, &object);
  if (code == -ENOENT) {
    is_gone = kubernetes_said_gone(cronjob->base.kubernetes);
    cronjob->is_v1beta1 = !cronjob->is_v1beta1;
    code = request_cronjob(cronjob, "GET", "", NULL, call, &object);
  }
  if (code == -ENOENT) {
    is_gone = is_gone || kubernetes_said_gone(cronjob->base.kubernetes);
    cronjob->is_v1beta1 = !cronjob->is_v1beta1;
    return is_gone ? code : -EPROTO;
  }
  if (code == 0) {
    code = parse_cronjob(cronjob, object, now, call->error);
  }
  json_decref(object);
  return code;
}

/* MARKS: annotations, and SPEC: its fields; both taken, null removes one. *now:
 * as it is then. */
static int write_cronjob(const struct cronjob *cronjob, struct cronjob_now *now,
                         const char *query, json_t *marks, json_t *spec,
                         struct action_call *call) {
  json_t *object = NULL;
  json_t *body = json_pack("{s:{s:s, s:o}, s:o}", "metadata", "resourceVersion",
                           now->version, "annotations", marks, "spec", spec);
  int code = request_cronjob(cronjob, "PATCH", query, body, call, &object);
  if (code == 0) {
    code = parse_cronjob(cronjob, object, now, call->error);
  }
  json_decref(object);
  return code == -ENOENT ? -ESTALE : code; /* deleted meanwhile */
}

static void send_cronjob_event(const struct cronjob *cronjob,
                               const struct action_request *request,
                               struct action_call *call) {
  const struct cronjob_options *options = cronjob->base.options;
  kubernetes_send_event(cronjob->base.kubernetes, options->space, "batch/v1",
                        "CronJob", options->name, request->host, request->is_on,
                        request->is_on ? "Suspended" : "Resumed",
                        request->response, call);
}

/* ---- suspending ---- */

/* The annotations and the suspension are one write. */
static int write_suspension(const struct cronjob *cronjob,
                            struct cronjob_now *now, const char *query,
                            struct action_call *call) {
  const char *owner = cronjob->base.owner;
  json_t *marks = json_pack("{s:s}", SUSPENDED_KEY, owner);
  json_t *spec = json_pack("{s:b}", "suspend", 1);
  if (cronjob->is_v1beta1 && !now->has_deadline) {
    (void)json_object_set_new(marks, DEADLINE_KEY, json_string(owner));
    (void)json_object_set_new(spec, "startingDeadlineSeconds",
                              json_integer(DEADLINE_S));
  }
  return write_cronjob(cronjob, now, query, marks, spec, call);
}

/* Counts what somebody else has resumed. Returns true if it is left so, with
 * the outcome. */
static bool is_left_resumed(const struct action_request *request,
                            struct action_call *call) {
  struct undo_reverts reverts = undo_book_get_reverts(call->memory);
  if (json_is_true(json_object_get(call->memory, "suspended"))) {
    undo_book_add_revert(&reverts, LOOK_S, request->now_s);
    undo_book_set_reverts(&reverts, call->memory);
    (void)json_object_del(call->memory, "suspended");
    call->note(call->context, "taken_back", json_pack("{s:b}", "suspend", 0));
  }
  if (reverts.count > 0 && !request->is_breached) {
    (void)action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                  "somebody else has resumed it, and no rule "
                                  "is beyond its limits now");
    return true;
  }
  return undo_book_forbid_write(&reverts, request->now_s, "it is not suspended",
                                call);
}

/* A job that somebody else has suspended stays suspended after the release. */
static int suspend_cronjob(struct cronjob *cronjob,
                           const struct action_request *request,
                           struct action_call *call) {
  struct cronjob_now now;
  int code = read_cronjob(cronjob, &now, call);
  if (code != 0) {
    return code;
  }
  call->again_in_ms = LOOK_S * 1000;
  (void)json_object_del(call->memory, "deadline_until");
  bool was_ours = json_is_true(json_object_get(call->memory, "suspended"));
  if (now.is_suspended && !now.is_ours) {
    (void)json_object_del(call->memory, "suspended");
    return action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                   "it was suspended by %s", now.writer);
  }
  if (!now.is_suspended) {
    if (is_left_resumed(request, call)) {
      return 0;
    }
    code = write_suspension(cronjob, &now, QUERY, call);
    if (code != 0) {
      return code;
    }
    if (!now.is_suspended) {
      return error_set(call->error, -EIO,
                       "the CronJob is not suspended after that was written");
    }
    send_cronjob_event(cronjob, request, call);
  } else if (was_ours) { /* the last suspension holds */
    (void)json_object_del(call->memory, "reverts");
  }
  (void)json_object_set_new(call->memory, "suspended", json_true());
  return action_call_set_outcome(call, ACTION_CONFIRMED, "%s", "");
}

/* ---- resuming ---- */

/* When our deadline may be taken away, since the epoch. A job that has missed
 * more than 100 times has a period of less than a hundredth of the time since
 * it ran last: within one more it has run. */
static int64_t plan_deadline_end(const struct cronjob_now *now, int64_t now_s) {
  int64_t idle_s = now->last_s > 0 ? now_s - now->last_s : 0;
  int64_t wait_s =
      idle_s <= SAFE_S ? 0 : idle_s / MISSED_TIMES_MAX + DEADLINE_MARGIN_S;
  return now_s + (wait_s < DEADLINE_MAX_S ? wait_s : DEADLINE_MAX_S);
}

/* Returns true if our deadline is to be taken away now; else again_in_ms says
 * when, if there is one. */
static bool is_deadline_over(const struct cronjob *cronjob,
                             const struct cronjob_now *now,
                             struct action_call *call) {
  int64_t now_s = kubernetes_now_s(cronjob->base.kubernetes);
  int64_t until_s =
      json_integer_value(json_object_get(call->memory, "deadline_until"));
  if (!now->is_own_deadline) {
    return false;
  }
  if (until_s <= 0 || until_s - now_s > DEADLINE_MAX_S) {
    until_s = plan_deadline_end(now, now_s);
    (void)json_object_set_new(call->memory, "deadline_until",
                              json_integer(until_s));
  }
  call->again_in_ms = now_s < until_s ? (until_s - now_s) * 1000 : 0;
  return now_s >= until_s;
}

/* Only our own suspension ends. An annotation of ours that does not tell the
 * truth any more is removed. */
static int write_resumption(const struct cronjob *cronjob,
                            struct cronjob_now *now, struct action_call *call) {
  bool is_over = is_deadline_over(cronjob, now, call);
  json_t *marks = json_object();
  json_t *spec = json_object();
  if (is_over) {
    (void)json_object_set_new(marks, DEADLINE_KEY, json_null());
    (void)json_object_set_new(spec, "startingDeadlineSeconds", json_null());
  }
  if (now->is_marked) {
    (void)json_object_set_new(marks, SUSPENDED_KEY, json_null());
  }
  if (now->is_suspended && now->is_ours) {
    (void)json_object_set_new(spec, "suspend", json_false());
  }
  if (is_over || now->is_marked) {
    return write_cronjob(cronjob, now, QUERY, marks, spec, call);
  }
  json_decref(marks);
  json_decref(spec);
  return 0;
}

static int resume_cronjob(struct cronjob *cronjob,
                          const struct action_request *request,
                          struct action_call *call) {
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call);
  if (code == -ENOENT) {
    (void)json_object_clear(call->memory);
    return action_call_set_outcome(call, ACTION_GONE, "there is no CronJob: %s",
                                   call->error->text);
  }
  bool is_resumed = now.is_suspended && now.is_ours;
  code = code == 0 ? write_resumption(cronjob, &now, call) : code;
  if (code != 0) {
    return code;
  }
  if (is_resumed && now.is_suspended) {
    return error_set(call->error, -EIO,
                     "the CronJob is suspended after it was resumed");
  }
  if (is_resumed) {
    send_cronjob_event(cronjob, request, call);
  }
  (void)json_object_del(call->memory, "suspended");
  (void)json_object_del(call->memory, "reverts");
  (void)json_object_del(call->memory, "until");
  if (call->again_in_ms == 0) {
    (void)json_object_clear(call->memory);
  }
  return now.is_suspended
             ? action_call_set_outcome(call, ACTION_LEFT_ALONE,
                                       "it was suspended by %s", now.writer)
             : action_call_set_outcome(call, ACTION_CONFIRMED, "%s",
                                       call->again_in_ms == 0
                                           ? ""
                                           : "startingDeadlineSeconds is "
                                             "removed after the next run");
}

static int set_cronjob(void *self, const struct action_request *request,
                       struct action_call *call) {
  return request->is_on ? suspend_cronjob(self, request, call)
                        : resume_cronjob(self, request, call);
}

/* The API server checks permissions and resourceVersion of a dry run as those
 * of a real write, and stores nothing. A conflict means that it was allowed. */
static int self_test_cronjob(void *self, struct action_call *call) {
  struct cronjob *cronjob = self;
  struct cronjob_now now;
  int code = read_cronjob(cronjob, &now, call);
  if (code == 0) {
    code = write_suspension(cronjob, &now, QUERY "&dryRun=All", call);
  }
  return code == -ESTALE ? 0 : code;
}

const struct action_driver action_cronjob_driver = {
    .block =
        {
            .name = "SuspendCronJob",
            .label = OPTION_LABEL_NONE,
            .is_repeatable = true,
            .size = sizeof(struct cronjob_options),
            .help =
                "Suspends a Kubernetes CronJob while the response is engaged. "
                "A CronJob that somebody else has suspended is not changed. If "
                "something else resumes the CronJob while a rule is beyond its "
                "limits, it is suspended again, at most five times.",
            OPTION_ROWS(option_rows),
        },
    .needs_kubernetes = true,
    .size = sizeof(struct cronjob),
    .format_subject = format_cronjob_subject,
    .set = set_cronjob,
    .self_test = self_test_cronjob,
};
