/* SPDX-License-Identifier: MIT */
/* scale_target: the number of replicas of a workload, and who owns it.
 *
 * The API server returns 200 for a misspelt key, which does nothing, and for
 * null, which scales to zero: only numbers are sent, and the object that the
 * server shows after a write must have the number. */
#include "resource_alert/actions/scale_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/json_util.h"

/* autoscaling/v1 is served by every cluster, old and new. */
#define AUTOSCALERS_PATH                                                       \
  "/apis/autoscaling/v1/namespaces/%s/horizontalpodautoscalers"

/* A page must fit into the response of a request: objects of up to 50 kB do. */
#define AUTOSCALERS_PER_PAGE "20"
#define AUTOSCALERS_PAGES_MAX 500

/* Behind get_api_root(). */
#define SCALE_PATH "%s/%s/namespaces/%s/%s/%s/scale"

/* The core group has a path of its own. */
static const char *get_api_root(const struct scale_target *target) {
  return strchr(target->api, '/') == NULL ? "/api" : "/apis";
}

const char *scale_target_key(const struct scale_now *now) {
  return now->autoscaler[0] == '\0' ? "replicas" : "minReplicas";
}

/* ---- the kind ---- */

/* LIST: of the resources of its API. Returns 0, and the plural in target;
 * -ENOENT when the kind is not in LIST; -EINVAL when it cannot be scaled. */
static int find_plural(const json_t *list, struct scale_target *target,
                       struct error *error) {
  char plural[SCALE_TARGET_PLURAL_BYTES] = "";
  char scale[SCALE_TARGET_PLURAL_BYTES + 8] = "";
  bool has_scale = false;
  size_t index;
  json_t *entry;
  /* A kind comes before its subresources: the server sorts by name. */
  json_array_foreach(json_object_get(list, "resources"), index, entry) {
    const char *kind = "";
    const char *name = "";
    (void)json_unpack(entry, "{s:s, s:s}", "kind", &kind, "name", &name);
    if (strcmp(kind, target->kind) == 0 && strlen(name) < sizeof(plural) &&
        kubernetes_check_name(name, NULL) == 0) {
      (void)snprintf(plural, sizeof(plural), "%s", name);
      (void)snprintf(scale, sizeof(scale), "%s/scale", name);
    }
    has_scale = has_scale || (scale[0] != '\0' && strcmp(name, scale) == 0);
  }
  if (!has_scale) {
    return plural[0] == '\0'
               ? error_set(error, -ENOENT,
                           "the API server has no kind %s in %s", target->kind,
                           target->api)
               : error_set(error, -EINVAL,
                           "the kind %s in %s has no scale subresource: it "
                           "cannot be scaled",
                           target->kind, target->api);
  }
  memcpy(target->plural, plural, sizeof(plural));
  return 0;
}

/* A 404 that is no answer of the API itself. Whoever has a list of groups is
 * the API server, and no proxy before it: -ENOENT if ours is not in the list.
 */
static int confirm_missing_group(const struct scale_target *target,
                                 struct action_call *call) {
  json_t *list = NULL;
  size_t length = strcspn(target->api, "/");
  size_t index;
  const json_t *entry;
  int code =
      kubernetes_request(target->kubernetes, "GET", NULL, call, &list, "/apis");
  const json_t *groups = json_object_get(list, "groups");
  bool is_missing = json_is_array(groups) && target->api[length] == '/';
  json_array_foreach(groups, index, entry) {
    const char *name = json_string_value(json_object_get(entry, "name"));
    is_missing =
        is_missing && name != NULL &&
        (strlen(name) != length || strncmp(name, target->api, length) != 0);
  }
  json_decref(list);
  if (code != 0 && code != -ENOENT) {
    return code;
  }
  return is_missing ? error_set(call->error, -ENOENT,
                                "the API server has no %s", target->api)
                    : error_set(call->error, -EPROTO,
                                "no Kubernetes API answers: status 404");
}

/* The plural of a kind is no rule of grammar: the server knows it. */
static int fetch_plural(struct scale_target *target, struct action_call *call) {
  json_t *list = NULL;
  if (target->plural[0] != '\0') {
    return 0;
  }
  int code = kubernetes_request(target->kubernetes, "GET", NULL, call, &list,
                                "%s/%s", get_api_root(target), target->api);
  if (code == 0) {
    code = find_plural(list, target, call->error);
  } else if (code == -ENOENT) {
    code = confirm_missing_group(target, call);
  }
  json_decref(list);
  return code;
}

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
      strlen(name) >= sizeof(now->autoscaler) ||
      kubernetes_check_name(name, NULL) != 0) { /* it goes into a URL */
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

/* Writes the token of the next page; "": there is none. It goes into a URL, so
 * only base64 is taken. */
static int copy_continue_token(const json_t *list, char token[512],
                               struct error *error) {
  const char *text = json_string_value(
      json_object_get(json_object_get(list, "metadata"), "continue"));
  text = text == NULL ? "" : text;
  if (strlen(text) >= 512 ||
      text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789-_.~")] != '\0') {
    return error_set(error, -EPROTO, "the list has no valid continue token");
  }
  memcpy(token, text, strlen(text) + 1);
  return 0;
}

/* Sets now->autoscaler if it is on this page. What is no list does not say that
 * there is none. */
static int parse_autoscalers(const json_t *list,
                             const struct scale_target *target,
                             struct scale_now *now, struct error *error) {
  size_t index;
  json_t *autoscaler;
  const json_t *items = json_object_get(list, "items");
  if (!json_is_array(items) && !json_is_null(items)) {
    return error_set(error, -EPROTO,
                     "the list of HorizontalPodAutoscalers has no items");
  }
  json_array_foreach(items, index, autoscaler) {
    if (owns_scale_target(autoscaler, target)) {
      return parse_autoscaler(autoscaler, now, error);
    }
  }
  return 0;
}

/* An autoscaler reverts what is written to the scale of its workload within
 * some 15 s, so its minReplicas is written instead. */
static int find_autoscaler(const struct scale_target *target,
                           struct scale_now *now, struct action_call *call) {
  char token[512] = "";
  int code = 0;
  for (int page = 0; code == 0 && (page == 0 || token[0] != '\0') &&
                     now->autoscaler[0] == '\0';
       page++) {
    json_t *list = NULL;
    if (page == AUTOSCALERS_PAGES_MAX) {
      return error_set(call->error, -EMSGSIZE,
                       "there are more than %d pages of "
                       "HorizontalPodAutoscalers in namespace %s",
                       AUTOSCALERS_PAGES_MAX, target->space);
    }
    code = kubernetes_request(
        target->kubernetes, "GET", NULL, call, &list,
        AUTOSCALERS_PATH "?limit=" AUTOSCALERS_PER_PAGE "%s%s", target->space,
        token[0] == '\0' ? "" : "&continue=", token);
    if (code != 0) {
      error_prefix(call->error, "cannot list HorizontalPodAutoscalers");
      if (code == -ENOENT) { /* a cluster without any */
        code = kubernetes_said_gone(target->kubernetes) ? 0 : -EPROTO;
      }
      return code;
    }
    code = parse_autoscalers(list, target, now, call->error);
    code = code == 0 ? copy_continue_token(list, token, call->error) : code;
    json_decref(list);
  }
  return code;
}

/* A 404 of a kind that was found once may mean that the kind is gone. */
static int explain_missing_workload(const struct scale_target *target,
                                    struct action_call *call) {
  if (!kubernetes_said_gone(target->kubernetes)) {
    return confirm_missing_group(target, call);
  }
  error_prefix(call->error, "there is no %s %s/%s", target->kind, target->space,
               target->name);
  return -ENOENT;
}

int scale_target_read(struct scale_target *target, struct scale_now *now,
                      struct action_call *call) {
  json_t *scale = NULL;
  *now = (struct scale_now){.limit = INT64_MAX};
  int code = fetch_plural(target, call);
  if (code != 0) {
    return code;
  }
  code = kubernetes_request(target->kubernetes, "GET", NULL, call, &scale,
                            SCALE_PATH, get_api_root(target), target->api,
                            target->space, target->plural, target->name);
  if (code == -ENOENT) {
    code = explain_missing_workload(target, call);
    now->is_missing = code == -ENOENT;
    /* What was raised there is ours to restore. */
    int found = now->is_missing ? find_autoscaler(target, now, call) : code;
    return found == 0 && now->autoscaler[0] == '\0' ? -ENOENT : found;
  }
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

/* QUERY: how it is written. *ret: yours. */
static int patch_value(const struct scale_target *target,
                       const struct scale_now *now, int64_t value,
                       const char *query, struct action_call *call,
                       json_t **ret) {
  json_t *body =
      json_pack("{s:{s:s}, s:{s:I}}", "metadata", "resourceVersion",
                now->version, "spec", scale_target_key(now), (json_int_t)value);
  return now->autoscaler[0] == '\0'
             ? kubernetes_request(target->kubernetes, "PATCH", body, call, ret,
                                  SCALE_PATH "%s", get_api_root(target),
                                  target->api, target->space, target->plural,
                                  target->name, query)
             : kubernetes_request(target->kubernetes, "PATCH", body, call, ret,
                                  AUTOSCALERS_PATH "/%s%s", target->space,
                                  now->autoscaler, query);
}

int scale_target_write(const struct scale_target *target,
                       const struct scale_now *now, int64_t value,
                       bool is_dry_run, struct action_call *call) {
  json_t *object = NULL;
  int64_t after = 0;
  int code = patch_value(
      target, now, value,
      is_dry_run ? "?fieldManager=collectd-resource-alert&dryRun=All"
                 : "?fieldManager=collectd-resource-alert",
      call, &object);
  if (code == 0) {
    code = parse_int32(json_object_get(object, "spec"), scale_target_key(now),
                       &after, call->error);
  }
  if (code == 0 && after != value && !is_dry_run) {
    code = error_set(call->error, -EIO,
                     "%s is %" PRId64 " after %" PRId64 " was written",
                     scale_target_key(now), after, value);
  }
  json_decref(object);
  return code == -ENOENT ? -ESTALE : code; /* deleted meanwhile */
}
