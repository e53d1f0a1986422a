/* SPDX-License-Identifier: MIT */
/* cronjob: suspends a Kubernetes CronJob while the response is engaged. An
 * annotation on the job says who has; only that is undone.
 *
 * Suspending keeps new jobs from starting; one that runs already goes on. A
 * write is a merge patch with the resourceVersion that was read, so that a
 * change by somebody else in between makes it fail with 409 and be repeated. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "resource_alert/actions/action.h"
#include "resource_alert/clients/kubernetes.h"

#define ANNOTATION "resource-alert/suspended-by"

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
  bool is_ours;
  char version[64]; /* resourceVersion */
};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("10"),
    {OPTION("Namespace", STRING, struct cronjob_options, space),
     .is_required = true, .example = "\"trading\"",
     .check = kubernetes_check_name, .help = "The namespace of the CronJob."},
    {OPTION("Name", STRING, struct cronjob_options, name), .is_required = true,
     .example = "\"fetch-prices\"", .check = kubernetes_check_name,
     .help = "Name of the CronJob. Set startingDeadlineSeconds in the CronJob. "
             "Otherwise Kubernetes starts one missed run when the CronJob is "
             "resumed."},
};

/* The namespace belongs to the name: two namespaces may have a CronJob of the
 * same name. */
static void format_cronjob_subject(const void *options, char *text,
                                   size_t bytes) {
  const struct cronjob_options *own = options;
  (void)snprintf(text, bytes, "%s/%s", own->space, own->name);
}

/* Without a resourceVersion a write would be unconditional. */
static int parse_cronjob(const struct cronjob *cronjob, json_t *object,
                         struct cronjob_now *now, struct error *error) {
  const char *version = NULL;
  const char *owner = NULL;
  int is_suspended = 0;
  (void)json_unpack(object, "{s:{s:s}}", "metadata", "resourceVersion",
                    &version);
  (void)json_unpack(object, "{s:{s:{s:s}}}", "metadata", "annotations",
                    ANNOTATION, &owner);
  (void)json_unpack(object, "{s:{s:b}}", "spec", "suspend", &is_suspended);
  if (version == NULL || strlen(version) >= sizeof(now->version)) {
    return error_set(error, -EPROTO,
                     "the CronJob has no valid resourceVersion");
  }
  memcpy(now->version, version, strlen(version) + 1);
  now->is_suspended = is_suspended != 0;
  now->is_ours = owner != NULL && strcmp(owner, cronjob->base.owner) == 0;
  return 0;
}

/* One place knows the path. QUERY: "" or "?dryRun=All". */
static int request_cronjob(const struct cronjob *cronjob, const char *method,
                           const char *query, json_t *body,
                           struct action_call *call, json_t **ret) {
  const struct cronjob_options *options = cronjob->base.options;
  return kubernetes_request(cronjob->base.kubernetes, method, body, call, ret,
                            "/apis/batch/%s/namespaces/%s/cronjobs/%s%s",
                            cronjob->is_v1beta1 ? "v1beta1" : "v1",
                            options->space, options->name, query);
}

/* batch/v1 came with Kubernetes 1.21; before, CronJobs were v1beta1. */
static int read_cronjob(struct cronjob *cronjob, struct cronjob_now *now,
                        struct action_call *call) {
  json_t *object = NULL;
  int code = request_cronjob(cronjob, "GET", "", NULL, call, &object);
  if (code == -ENOENT) {
    cronjob->is_v1beta1 = !cronjob->is_v1beta1;
    code = request_cronjob(cronjob, "GET", "", NULL, call, &object);
  }
  if (code == 0) {
    code = parse_cronjob(cronjob, object, now, call->error);
  }
  json_decref(object);
  return code;
}

/* The annotation and the suspension are one write. */
static int write_cronjob(const struct cronjob *cronjob,
                         const struct cronjob_now *now, bool is_on,
                         const char *query, struct action_call *call) {
  json_t *body = json_pack("{s:{s:s, s:{s:s?}}, s:{s:b}}", "metadata",
                           "resourceVersion", now->version, "annotations",
                           ANNOTATION, is_on ? cronjob->base.owner : NULL,
                           "spec", "suspend", (int)is_on);
  return request_cronjob(cronjob, "PATCH", query, body, call, NULL);
}

/* A job that somebody else has suspended stays suspended after the release. */
static int set_cronjob(void *self, const struct action_request *request,
                       struct action_call *call) {
  struct cronjob *cronjob = self;
  const struct cronjob_options *options = cronjob->base.options;
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call);
  bool is_done = request->is_on ? now.is_suspended : !now.is_ours;
  if (code != 0 || is_done) {
    return code;
  }
  code = write_cronjob(cronjob, &now, request->is_on, "", call);
  if (code == 0) {
    kubernetes_send_event(cronjob->base.kubernetes, options->space, "CronJob",
                          options->name, request->host, request->is_on,
                          request->is_on ? "Suspended" : "Resumed",
                          request->response, call);
  }
  return code;
}

/* After a release only a suspension of ours is wrong: one of somebody else must
 * stay. */
static int confirm_cronjob(void *self, const struct action_request *request,
                           struct action_call *call) {
  struct cronjob *cronjob = self;
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call);
  bool is_right =
      request->is_on ? now.is_suspended : !(now.is_suspended && now.is_ours);
  return code != 0 || is_right
             ? code
             : error_set(call->error, -EIO, "the CronJob is %s suspended",
                         request->is_on ? "not" : "still");
}

/* The API server checks permissions and resourceVersion of a dry run as those
 * of a real write, and stores nothing. */
static int self_test_cronjob(void *self, struct action_call *call) {
  struct cronjob *cronjob = self;
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call);
  return code == 0 ? write_cronjob(cronjob, &now, true, "?dryRun=All", call)
                   : code;
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
                "A CronJob that is already suspended is not changed.",
            OPTION_ROWS(option_rows),
        },
    .needs_kubernetes = true,
    .size = sizeof(struct cronjob),
    .format_subject = format_cronjob_subject,
    .set = set_cronjob,
    .confirm = confirm_cronjob,
    .self_test = self_test_cronjob,
};
