/* SPDX-License-Identifier: MIT */
/* cronjob: suspends a Kubernetes CronJob while the response is engaged. An
 * annotation on the job says who has; only that is undone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/action.h"
#include "resource_alert/clients/kubernetes.h"

#define ANNOTATION "resource-alert/suspended-by"

struct cronjob_options {
  struct action_options common;
  char *space;
  char *name;
};

struct cronjob {
  const struct cronjob_options *options;
  struct kubernetes *kubernetes;
  const char *version; /* of the API: a literal */
  char owner[256];     /* "HOST/RESPONSE" */
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

const struct option_block action_cronjob_block = {
    .name = "SuspendCronJob",
    .label = OPTION_LABEL_NONE,
    .is_repeatable = true,
    .size = sizeof(struct cronjob_options),
    .help = "Suspends a Kubernetes CronJob while the response is engaged. A "
            "CronJob that is already suspended is not changed.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
};

static void describe_cronjob(const void *options, char *text, size_t bytes) {
  const struct cronjob_options *own = options;
  (void)snprintf(text, bytes, "%s/%s", own->space, own->name);
}

static void free_cronjob(void *self) {
  struct cronjob *cronjob = self;
  if (cronjob != NULL) {
    kubernetes_free(cronjob->kubernetes);
    free(cronjob);
  }
}

static int new_cronjob(const void *options, const struct action_deps *deps,
                       void **ret, struct error *error) {
  struct cronjob *cronjob = calloc(1, sizeof(*cronjob));
  if (cronjob == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  cronjob->options = options;
  cronjob->version = "v1";
  (void)snprintf(cronjob->owner, sizeof(cronjob->owner), "%s/%s", deps->host,
                 deps->response);
  int code = kubernetes_new(deps->kubernetes, &cronjob->kubernetes, error);
  if (code != 0) {
    free_cronjob(cronjob);
    return code;
  }
  *ret = cronjob;
  return 0;
}

static void format_cronjob_path(const struct cronjob *cronjob,
                                const char *query,
                                char path[KUBERNETES_PATH_BYTES]) {
  (void)snprintf(path, KUBERNETES_PATH_BYTES,
                 "/apis/batch/%s/namespaces/%s/cronjobs/%s%s", cronjob->version,
                 cronjob->options->space, cronjob->options->name, query);
}

/* Without a resourceVersion a write would be unconditional. */
static int parse_cronjob(const struct cronjob *cronjob, const json_t *object,
                         struct cronjob_now *now, struct error *error) {
  const json_t *metadata = json_object_get(object, "metadata");
  const char *version =
      json_string_value(json_object_get(metadata, "resourceVersion"));
  const char *owner = json_string_value(
      json_object_get(json_object_get(metadata, "annotations"), ANNOTATION));
  if (version == NULL || strlen(version) >= sizeof(now->version)) {
    return error_set(error, -EPROTO, "a CronJob without a resourceVersion");
  }
  memcpy(now->version, version, strlen(version) + 1);
  now->is_suspended =
      json_is_true(json_object_get(json_object_get(object, "spec"), "suspend"));
  now->is_ours = owner != NULL && strcmp(owner, cronjob->owner) == 0;
  return 0;
}

/* batch/v1 came with Kubernetes 1.21; before, CronJobs were v1beta1. */
static int read_cronjob(struct cronjob *cronjob, struct cronjob_now *now,
                        struct action_call *call, struct error *error) {
  char path[KUBERNETES_PATH_BYTES];
  json_t *object = NULL;
  format_cronjob_path(cronjob, "", path);
  int code = kubernetes_request(cronjob->kubernetes, "GET", path, NULL, call,
                                &object, error);
  if (code == -ENOENT) { /* clusters before 1.21 */
    cronjob->version = strcmp(cronjob->version, "v1") == 0 ? "v1beta1" : "v1";
    format_cronjob_path(cronjob, "", path);
    code = kubernetes_request(cronjob->kubernetes, "GET", path, NULL, call,
                              &object, error);
  }
  if (code == 0) {
    code = parse_cronjob(cronjob, object, now, error);
  }
  json_decref(object);
  return code;
}

/* The annotation and the suspension are one write. */
static int write_cronjob(struct cronjob *cronjob, const struct cronjob_now *now,
                         bool is_on, const char *query,
                         struct action_call *call, struct error *error) {
  char path[KUBERNETES_PATH_BYTES];
  format_cronjob_path(cronjob, query, path);
  json_t *owner = is_on ? json_string(cronjob->owner) : json_null();
  return kubernetes_request(cronjob->kubernetes, "PATCH", path,
                            json_pack("{s:{s:s, s:{s:o}}, s:{s:b}}", "metadata",
                                      "resourceVersion", now->version,
                                      "annotations", ANNOTATION, owner, "spec",
                                      "suspend", (int)is_on),
                            call, NULL, error);
}

/* A job that somebody else has suspended stays suspended after the release. */
static int set_cronjob(void *self, const struct action_request *request,
                       struct action_call *call, struct error *error) {
  struct cronjob *cronjob = self;
  const struct cronjob_options *options = cronjob->options;
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call, error);
  bool is_done = request->is_on ? now.is_suspended : !now.is_ours;
  if (code != 0 || is_done) {
    return code;
  }
  code = write_cronjob(cronjob, &now, request->is_on, "", call, error);
  if (code == 0) {
    kubernetes_record_event(cronjob->kubernetes, options->space, "CronJob",
                            options->name, request->host, request->is_on,
                            request->is_on ? "Suspended" : "Resumed",
                            request->response, call);
  }
  return code;
}

static int confirm_cronjob(void *self, const struct action_request *request,
                           struct action_call *call, struct error *error) {
  struct cronjob *cronjob = self;
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call, error);
  bool is_right =
      request->is_on ? now.is_suspended : !(now.is_suspended && now.is_ours);
  return code != 0 || is_right ? code
                               : error_set(error, -EIO, "it is %s suspended",
                                           request->is_on ? "not" : "still");
}

static int test_cronjob(void *self, struct action_call *call,
                        struct error *error) {
  struct cronjob *cronjob = self;
  struct cronjob_now now = {0};
  int code = read_cronjob(cronjob, &now, call, error);
  return code == 0
             ? write_cronjob(cronjob, &now, true, "?dryRun=All", call, error)
             : code;
}

const struct action_driver action_cronjob_driver = {
    .block = &action_cronjob_block,
    .describe = describe_cronjob,
    .check = action_check_kubernetes,
    .new = new_cronjob,
    .set = set_cronjob,
    .confirm = confirm_cronjob,
    .self_test = test_cronjob,
    .free = free_cronjob,
};
