/* SPDX-License-Identifier: MIT */
/* store_kubernetes: switches as keys of a ConfigMap, which pods read as files
 * or through the API.
 *
 * Each change names the version that was read, so that of two writers one gets
 * a conflict and reads again. The other switches of this daemon are in the same
 * object: a conflict with them is usual. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "resource_alert/actions/switch_store.h"
#include "resource_alert/clients/kubernetes.h"

#define CONFLICT_TRIES 8

static int check_kubernetes_options(const struct switch_store_options *options,
                                    struct error *error) {
  return options->space != NULL && options->config_map != NULL
             ? 0
             : error_set(error, -EINVAL,
                         "Namespace or ConfigMap is missing: write Namespace "
                         "\"trading\" and ConfigMap \"degradation\"");
}

static int init_kubernetes_store(void *self, struct error *error) {
  (void)self;
  (void)error;
  return 0;
}

/* *ret: yours, json_decref(). */
static int read_config_map(const struct switch_store *store,
                           struct action_call *call, json_t **ret) {
  const struct switch_store_options *options = store->options;
  int code = kubernetes_request(store->kubernetes, "GET", NULL, call, ret,
                                "/api/v1/namespaces/%s/configmaps/%s",
                                options->space, options->config_map);
  if (code == -ENOENT && kubernetes_said_gone(store->kubernetes)) {
    code = error_set(call->error, code,
                     "there is no ConfigMap %s/%s: create it with kubectl "
                     "create configmap",
                     options->space, options->config_map);
  }
  return code;
}

/* The switch as it is stored; NULL: it is off. Borrowed from the object. */
static const char *find_held(const json_t *object, const char *name) {
  return json_string_value(
      json_object_get(json_object_get(object, "data"), name));
}

/* Returns 1 if it is ours, or nobody's, 0 if not, or a negative errno. */
static int is_free_or_ours(const char *held, const struct switch_state *state,
                           struct action_call *call) {
  return held == NULL || switch_store_is_expired(held)
             ? 1
             : switch_store_compare_owner(held, state->value, call);
}

/* text: NULL removes the key. */
static int patch_config_map(const struct switch_store *store,
                            const json_t *object, const char *name,
                            const char *text, struct action_call *call) {
  json_t *version =
      json_object_get(json_object_get(object, "metadata"), "resourceVersion");
  json_t *body = json_pack("{s:{s:O}, s:{s:s?}}", "metadata", "resourceVersion",
                           version, "data", name, text);
  return body == NULL
             ? error_set(call->error, -EPROTO, "the ConfigMap has no version")
             : kubernetes_request(store->kubernetes, "PATCH", body, call, NULL,
                                  "/api/v1/namespaces/%s/configmaps/%s",
                                  store->options->space,
                                  store->options->config_map);
}

static int put_once(const struct switch_store *store,
                    const struct switch_state *state, const char *text,
                    struct action_call *call) {
  json_t *object = NULL;
  int code = read_config_map(store, call, &object);
  if (code != 0) {
    return code;
  }
  const char *held = find_held(object, state->name);
  code = is_free_or_ours(held, state, call);
  if (code == 1) {
    code = text == NULL && held == NULL
               ? 0
               : patch_config_map(store, object, state->name, text, call);
  }
  json_decref(object);
  return code;
}

/* A renewal is not journaled. */
static void drop_note(void *context, const char *step, json_t *fields) {
  (void)context;
  (void)step;
  json_decref(fields);
}

static int put_switch_in_config_map(void *self,
                                    const struct switch_state *state,
                                    struct action_call *call) {
  const struct switch_store *store = self;
  void (*note)(void *, const char *, json_t *) = call->note;
  char *text = NULL;
  if (state->is_on) {
    call->again_in_ms = switch_store_refresh_in_ms(store->options->ttl_s);
    text = switch_store_format_value(state->value, store->options->ttl_s);
    if (text == NULL) {
      return error_set(call->error, -ENOMEM, "out of memory");
    }
  }
  call->note = call->is_refresh ? drop_note : note;
  int code = -ESTALE;
  for (int i = 0; i < CONFLICT_TRIES && code == -ESTALE; i++) {
    code = put_once(store, state, text, call);
  }
  call->note = note;
  free(text);
  return code;
}

static int confirm_switch_in_config_map(void *self,
                                        const struct switch_state *state,
                                        struct action_call *call) {
  json_t *object = NULL;
  int code = read_config_map(self, call, &object);
  const char *held = find_held(object, state->name);
  if (code == 0 && (held != NULL) != state->is_on) {
    int ours = is_free_or_ours(held, state, call);
    code = ours < 0 ? ours
           : ours == 1
               ? error_set(call->error, -ESTALE, "%s is %s", state->name,
                           state->is_on ? "not there" : "still there")
               : 0;
  }
  json_decref(object);
  return code;
}

static int self_test_kubernetes_store(void *self, struct action_call *call) {
  const struct switch_store *store = self;
  json_t *object = NULL;
  int code = read_config_map(store, call, &object);
  json_decref(object);
  return code != 0 ? code
                   : kubernetes_check_permission(
                         store->kubernetes, store->options->space, "patch", "",
                         "configmaps", store->options->config_map, call);
}

const struct switch_store_driver switch_store_kubernetes = {
    .name = "kubernetes",
    .check = check_kubernetes_options,
    .size = sizeof(struct switch_store),
    .init = init_kubernetes_store,
    .put = put_switch_in_config_map,
    .confirm = confirm_switch_in_config_map,
    .self_test = self_test_kubernetes_store,
};
