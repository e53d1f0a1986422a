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

struct suspend_options {
  struct action_options common;
  char *space;
  char *name;
};

struct suspend {
  const struct suspend_options *options;
  struct kubernetes *kubernetes;
  const char *version; /* of the API: a literal */
  char owner[256];     /* "HOST/RESPONSE" */
};

/* A cron job as it is. */
struct job {
  bool is_suspended;
  bool is_ours;
  char version[64]; /* resourceVersion */
};

static const struct option option_rows[] = {
    ACTION_OPTION_ROWS("10"),
    {.name = "Namespace",
     .kind = OPTION_STRING,
     .offset = offsetof(struct suspend_options, space),
     .is_required = true,
     .example = "\"trading\"",
     .check = kubernetes_check_name,
     .help = "The namespace of the CronJob."},
    {.name = "Name",
     .kind = OPTION_STRING,
     .offset = offsetof(struct suspend_options, name),
     .is_required = true,
     .example = "\"fetch-prices\"",
     .check = kubernetes_check_name,
     .help = "The CronJob. Give it a startingDeadlineSeconds: without it one "
             "run is made up for when it is resumed."},
};

const struct option_block action_cronjob_block = {
    .name = "SuspendCronJob",
    .label = OPTION_LABEL_NONE,
    .is_repeatable = true,
    .size = sizeof(struct suspend_options),
    .help = "Suspends a Kubernetes CronJob while the response is engaged. One "
            "that somebody else has suspended is left alone.",
    .options = option_rows,
    .options_len = OPTION_COUNT(option_rows),
};

static void describe(const void *options, char *text, size_t bytes) {
  const struct suspend_options *own = options;
  (void)snprintf(text, bytes, "%s/%s", own->space, own->name);
}

static void destroy(void *self) {
  struct suspend *suspend = self;
  if (suspend != NULL) {
    kubernetes_free(suspend->kubernetes);
    free(suspend);
  }
}

static int create(const void *options, const struct action_deps *deps,
                  void **ret, struct error *error) {
  struct suspend *suspend = calloc(1, sizeof(*suspend));
  if (suspend == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  suspend->options = options;
  suspend->version = "v1";
  (void)snprintf(suspend->owner, sizeof(suspend->owner), "%s/%s", deps->host,
                 deps->response);
  int code = kubernetes_new(deps->kubernetes, &suspend->kubernetes, error);
  if (code != 0) {
    destroy(suspend);
    return code;
  }
  *ret = suspend;
  return 0;
}

static void job_path(const struct suspend *suspend, const char *query,
                     char path[KUBERNETES_PATH_BYTES]) {
  (void)snprintf(path, KUBERNETES_PATH_BYTES,
                 "/apis/batch/%s/namespaces/%s/cronjobs/%s%s", suspend->version,
                 suspend->options->space, suspend->options->name, query);
}

static int judge(const struct suspend *suspend, const json_t *object,
                 struct job *job, struct error *error) {
  const json_t *metadata = json_object_get(object, "metadata");
  const char *version =
      json_string_value(json_object_get(metadata, "resourceVersion"));
  const char *owner = json_string_value(
      json_object_get(json_object_get(metadata, "annotations"), ANNOTATION));
  if (version == NULL || strlen(version) >= sizeof(job->version)) {
    return error_set(error, -EPROTO, "a CronJob without a resourceVersion");
  }
  memcpy(job->version, version, strlen(version) + 1);
  job->is_suspended =
      json_is_true(json_object_get(json_object_get(object, "spec"), "suspend"));
  job->is_ours = owner != NULL && strcmp(owner, suspend->owner) == 0;
  return 0;
}

static int read_job(struct suspend *suspend, struct job *job,
                    struct action_call *call, struct error *error) {
  char path[KUBERNETES_PATH_BYTES];
  json_t *object = NULL;
  job_path(suspend, "", path);
  int code = kubernetes_request(suspend->kubernetes, "GET", path, NULL, call,
                                &object, error);
  if (code == -ENOENT) { /* clusters before 1.21 */
    suspend->version = strcmp(suspend->version, "v1") == 0 ? "v1beta1" : "v1";
    job_path(suspend, "", path);
    code = kubernetes_request(suspend->kubernetes, "GET", path, NULL, call,
                              &object, error);
  }
  if (code == 0) {
    code = judge(suspend, object, job, error);
  }
  json_decref(object);
  return code;
}

static int write_job(struct suspend *suspend, const struct job *job, bool is_on,
                     const char *query, struct action_call *call,
                     struct error *error) {
  char path[KUBERNETES_PATH_BYTES];
  job_path(suspend, query, path);
  json_t *owner = is_on ? json_string(suspend->owner) : json_null();
  return kubernetes_request(suspend->kubernetes, "PATCH", path,
                            json_pack("{s:{s:s, s:{s:o}}, s:{s:b}}", "metadata",
                                      "resourceVersion", job->version,
                                      "annotations", ANNOTATION, owner, "spec",
                                      "suspend", (int)is_on),
                            call, NULL, error);
}

static int set(void *self, const struct action_request *request,
               struct action_call *call, struct error *error) {
  struct suspend *suspend = self;
  const struct suspend_options *options = suspend->options;
  struct job job = {0};
  int code = read_job(suspend, &job, call, error);
  bool is_done = request->is_on ? job.is_suspended : !job.is_ours;
  if (code != 0 || is_done) {
    return code;
  }
  code = write_job(suspend, &job, request->is_on, "", call, error);
  if (code == 0) {
    kubernetes_record_event(
        suspend->kubernetes, options->space, "CronJob", options->name, request,
        request->is_on ? "Suspended" : "Resumed", request->response, call);
  }
  return code;
}

static int confirm(void *self, const struct action_request *request,
                   struct action_call *call, struct error *error) {
  struct suspend *suspend = self;
  struct job job = {0};
  int code = read_job(suspend, &job, call, error);
  bool is_right =
      request->is_on ? job.is_suspended : !(job.is_suspended && job.is_ours);
  return code != 0 || is_right ? code
                               : error_set(error, -EIO, "it is %s suspended",
                                           request->is_on ? "not" : "still");
}

static int drill(void *self, struct action_call *call, struct error *error) {
  struct suspend *suspend = self;
  struct job job = {0};
  int code = read_job(suspend, &job, call, error);
  return code == 0 ? write_job(suspend, &job, true, "?dryRun=All", call, error)
                   : code;
}

const struct action_driver action_cronjob_driver = {
    .block = &action_cronjob_block,
    .describe = describe,
    .check = action_check_kubernetes,
    .new = create,
    .set = set,
    .confirm = confirm,
    .self_test = drill,
    .free = destroy,
};
