/* SPDX-License-Identifier: MIT */
/* scale_target: the number of replicas of a workload, and who owns it.
 *
 * The API server returns 200 for a misspelt key, which does nothing, and for
 * null, which scales to zero: only numbers are sent, and each write is read
 * back. */
#include "resource_alert/actions/scale_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/json_util.h"

/* autoscaling/v1 is served by every cluster, old and new. */
#define SCALE_PATH "/apis/apps/v1/namespaces/%s/%s/%s/scale"
#define AUTOSCALERS_PATH                                                       \
  "/apis/autoscaling/v1/namespaces/%s/horizontalpodautoscalers"
#define LEASES_PATH "/apis/coordination.k8s.io/v1/namespaces/%s/leases"

/* ---- reading ---- */

/* What says whether it is still the same object, and unchanged. */
static int copy_object_identity(json_t *object, struct scale_now *now,
                                struct error *error) {
  const char *version = "";
  const char *owner = "";
  if (json_unpack(object, "{s:{s:s, s:s}}", "metadata", "resourceVersion",
                  &version, "uid", &owner) != 0 ||
      strlen(version) >= sizeof(now->version) ||
      strlen(owner) >= sizeof(now->owner)) {
    return error_set(error, -EPROTO,
                     "the object has no valid resourceVersion or uid");
  }
  memcpy(now->version, version, strlen(version) + 1);
  memcpy(now->owner, owner, strlen(owner) + 1);
  return 0;
}

/* An int32 of the API; *ret is untouched where it is absent. */
static int parse_int32(const json_t *spec, const char *key, int64_t *ret,
                       struct error *error) {
  const json_t *number = json_object_get(spec, key);
  if (number == NULL || json_is_null(number)) {
    return 0;
  }
  json_int_t value = json_integer_value(number);
  if (!json_is_integer(number) || value < 0 || value > INT32_MAX) {
    return error_set(error, -EPROTO,
                     "the object's %s is not an integer from 0 to %d", key,
                     INT32_MAX);
  }
  *ret = value;
  return 0;
}

/* By kind and name: an autoscaler refers to its workload in this way, not by
 * uid. */
static bool owns_scale_target(json_t *autoscaler,
                              const struct scale_target *target) {
  const char *kind = "";
  const char *name = "";
  return json_unpack(autoscaler, "{s:{s:{s:s, s:s}}}", "spec", "scaleTargetRef",
                     "kind", &kind, "name", &name) == 0 &&
         strcmp(kind, target->kind) == 0 && strcmp(name, target->name) == 0;
}

/* The autoscaler takes the place of the workload. */
static int parse_autoscaler(json_t *autoscaler, struct scale_now *now,
                            struct error *error) {
  const json_t *spec = json_object_get(autoscaler, "spec");
  const char *name = "";
  if (json_unpack(autoscaler, "{s:{s:s}}", "metadata", "name", &name) != 0 ||
      strlen(name) >= sizeof(now->autoscaler)) {
    return error_set(error, -EPROTO,
                     "the HorizontalPodAutoscaler has no valid name");
  }
  memcpy(now->autoscaler, name, strlen(name) + 1);
  now->value = 1;
  now->limit = 0;
  int code = parse_int32(spec, "minReplicas", &now->value, error);
  if (code == 0) {
    code = parse_int32(spec, "maxReplicas", &now->limit, error);
  }
  return code == 0 ? copy_object_identity(autoscaler, now, error) : code;
}

/* An autoscaler reverts what is written to the scale of its workload within
 * some 15 s, so its minReplicas is written instead. */
static int find_autoscaler(const struct scale_target *target,
                           struct scale_now *now, struct action_call *call) {
  json_t *list = NULL;
  int code = kubernetes_request(target->kubernetes, "GET", NULL, call, &list,
                                AUTOSCALERS_PATH, target->space);
  if (code != 0) {
    error_prefix(call->error, "cannot list HorizontalPodAutoscalers");
    return code == -ENOENT ? 0 : code; /* a cluster without any */
  }
  size_t index;
  json_t *autoscaler;
  json_array_foreach(json_object_get(list, "items"), index, autoscaler) {
    if (code == 0 && owns_scale_target(autoscaler, target)) {
      code = parse_autoscaler(autoscaler, now, call->error);
    }
  }
  json_decref(list);
  return code;
}

int scale_target_read(const struct scale_target *target, struct scale_now *now,
                      struct action_call *call) {
  json_t *scale = NULL;
  *now = (struct scale_now){.limit = INT64_MAX};
  int code = kubernetes_request(target->kubernetes, "GET", NULL, call, &scale,
                                SCALE_PATH, target->space, target->plural,
                                target->name);
  if (code != 0) {
    return code;
  }
  code = parse_int32(json_object_get(scale, "spec"), "replicas", &now->replicas,
                     call->error);
  now->value = now->replicas; /* absent is zero */
  code = code == 0 ? copy_object_identity(scale, now, call->error) : code;
  json_decref(scale);
  return code == 0 ? find_autoscaler(target, now, call) : code;
}

/* ---- writing ---- */

int scale_target_write(const struct scale_target *target,
                       const struct scale_now *now, int64_t value,
                       bool is_dry_run, struct action_call *call) {
  const char *query = is_dry_run
                          ? "?fieldManager=collectd-resource-alert&dryRun=All"
                          : "?fieldManager=collectd-resource-alert";
  bool is_own = now->autoscaler[0] == '\0';
  const char *key = is_own ? "replicas" : "minReplicas";
  json_t *body = json_pack("{s:{s:s}, s:{s:I}}", "metadata", "resourceVersion",
                           now->version, "spec", key, (json_int_t)value);
  int code = is_own
                 ? kubernetes_request(target->kubernetes, "PATCH", body, call,
                                      NULL, SCALE_PATH "%s", target->space,
                                      target->plural, target->name, query)
                 : kubernetes_request(target->kubernetes, "PATCH", body, call,
                                      NULL, AUTOSCALERS_PATH "/%s%s",
                                      target->space, now->autoscaler, query);
  if (code != 0 || is_dry_run) {
    return code;
  }
  struct scale_now after;
  code = scale_target_read(target, &after, call);
  return code != 0 || after.value == value
             ? code
             : error_set(call->error, -EIO,
                         "%s is %" PRId64 " after %" PRId64 " was written", key,
                         after.value, value);
}

/* ---- the shared cooldown ---- */

/* A Lease has microseconds and a zone, always Z; seconds suffice for a
 * cooldown. 0 for what is no time: then the lease has expired long ago. */
static int64_t parse_lease_time(const char *text) {
  struct tm parts = {0};
  return text != NULL && strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) != NULL
             ? (int64_t)timegm(&parts)
             : 0;
}

/* For how many seconds the lease is still held. */
static int64_t parse_lease_left_s(const json_t *lease, int64_t now_s) {
  const json_t *spec = json_object_get(lease, "spec");
  int64_t since_s =
      parse_lease_time(json_string_value(json_object_get(spec, "renewTime")));
  int64_t duration_s = 0;
  if (parse_int32(spec, "leaseDurationSeconds", &duration_s, NULL) != 0) {
    return 0;
  }
  int64_t left_s = since_s + duration_s - now_s;
  /* A clock that is ahead must not hold us up for longer. */
  return left_s > duration_s ? duration_s : left_s;
}

/* With the version of the old lease, so that only one agent can replace it. */
static json_t *make_cooldown_lease(const struct scale_target *target,
                                   const json_t *old, const char *holder,
                                   int64_t duration_s, int64_t now_s) {
  char text[64];
  struct tm parts;
  time_t when = (time_t)now_s;
  (void)gmtime_r(&when, &parts);
  (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000Z", &parts);
  const char *version = json_string_value(
      json_object_get(json_object_get(old, "metadata"), "resourceVersion"));
  return json_pack(
      "{s:s, s:s, s:{s:o, s:s, s:s*}, s:{s:o, s:I, s:s, s:s}}", "apiVersion",
      "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
      json_sprintf("resource-alert-%s", target->name), "namespace",
      target->space, "resourceVersion", version, "spec", "holderIdentity",
      json_util_from_text(holder), "leaseDurationSeconds",
      (json_int_t)duration_s, "renewTime", text, "acquireTime", text);
}

int scale_target_claim_cooldown(const struct scale_target *target,
                                const char *holder, int64_t cooldown_s,
                                int64_t *ret_wait_s, struct action_call *call) {
  json_t *lease = NULL;
  /* Without a cooldown there is nothing to share, and no Lease is made. */
  if (cooldown_s == 0) {
    return 0;
  }
  int code = kubernetes_request(target->kubernetes, "GET", NULL, call, &lease,
                                LEASES_PATH "/resource-alert-%s", target->space,
                                target->name);
  if (code != 0 && code != -ENOENT) {
    return code;
  }
  int64_t now_s = kubernetes_now_s(target->kubernetes);
  int64_t left_s = lease == NULL ? 0 : parse_lease_left_s(lease, now_s);
  if (left_s > 0) {
    json_decref(lease);
    *ret_wait_s = left_s;
    return -EAGAIN;
  }
  json_t *body = make_cooldown_lease(target, lease, holder, cooldown_s, now_s);
  code = lease == NULL
             ? kubernetes_request(target->kubernetes, "POST", body, call, NULL,
                                  LEASES_PATH, target->space)
             : kubernetes_request(target->kubernetes, "PUT", body, call, NULL,
                                  LEASES_PATH "/resource-alert-%s",
                                  target->space, target->name);
  json_decref(lease);
  if (code == -ESTALE) { /* another agent was faster */
    *ret_wait_s = cooldown_s;
    return -EAGAIN;
  }
  return code;
}
