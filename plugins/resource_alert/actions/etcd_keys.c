/* SPDX-License-Identifier: MIT */
/* etcd_keys: keys and leases of etcd. Through its JSON gateway keys and values
 * are base64, 64 bit numbers are strings, what is zero or false is left out. */
#include "resource_alert/actions/etcd_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

/* ---- base64 ---- */

/* A JSON string of TEXT in base64; NULL when memory is short. */
static json_t *encode(const char *text) {
  size_t bytes = strlen(text);
  unsigned char *encoded = malloc(bytes / 3 * 4 + 5);
  if (encoded == NULL) {
    return NULL;
  }
  (void)EVP_EncodeBlock(encoded, (const unsigned char *)text, (int)bytes);
  json_t *string = json_string((const char *)encoded);
  free(encoded);
  return string;
}

/* Yours, free(); NULL for what is not base64. */
static char *decode(const char *text) {
  size_t length = strlen(text);
  unsigned char *decoded = malloc(length / 4 * 3 + 4);
  int bytes =
      decoded == NULL
          ? -1
          : EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)length);
  if (bytes < 0) {
    free(decoded);
    return NULL;
  }
  int padding = 0; /* is decoded to zeros; of "====", too */
  while (padding < 2 && (size_t)padding < length &&
         text[length - 1 - (size_t)padding] == '=') {
    padding++;
  }
  decoded[bytes - padding] = '\0';
  return (char *)decoded;
}

/* ---- requests ---- */

/* The value in the answer to a range. *ret_value: yours; NULL: no such key. */
static int take_value(const json_t *range, char **ret_value,
                      struct error *error) {
  const json_t *entry = json_array_get(json_object_get(range, "kvs"), 0);
  const char *value = json_string_value(json_object_get(entry, "value"));
  *ret_value = entry == NULL ? NULL : decode(value == NULL ? "" : value);
  return entry == NULL || *ret_value != NULL
             ? 0
             : error_set(error, -EPROTO, "etcd's answer makes no sense");
}

int etcd_get(struct etcd *etcd, const char *key, char **ret_value,
             const struct action_call *call, struct error *error) {
  json_t *answer = NULL;
  int code =
      etcd_ask(etcd, "/v3/kv/range", json_pack("{s:o}", "key", encode(key)),
               call, &answer, error);
  if (code == 0) {
    code = take_value(answer, ret_value, error);
  }
  json_decref(answer);
  return code;
}

static json_t *put_request(const char *key, const char *value,
                           const char *lease) {
  json_t *request =
      json_pack("{s:o, s:o}", "key", encode(key), "value", encode(value));
  if (request != NULL && lease[0] != '\0') {
    (void)json_object_set_new(request, "lease", json_string(lease));
  }
  return request;
}

int etcd_put(struct etcd *etcd, const char *key, const char *value,
             const char *lease, const struct action_call *call,
             struct error *error) {
  return etcd_ask(etcd, "/v3/kv/put", put_request(key, value, lease), call,
                  NULL, error);
}

int etcd_put_if_absent(struct etcd *etcd, const char *key, const char *value,
                       const char *lease, char **ret_held,
                       const struct action_call *call, struct error *error) {
  json_t *answer = NULL;
  json_t *request = json_pack(
      "{s:[{s:o, s:s, s:s, s:s}], s:[{s:o}], s:[{s:{s:o}}]}", "compare", "key",
      encode(key), "target", "CREATE", "result", "EQUAL", "create_revision",
      "0", "success", "requestPut", put_request(key, value, lease), "failure",
      "requestRange", "key", encode(key));
  int code = etcd_ask(etcd, "/v3/kv/txn", request, call, &answer, error);
  *ret_held = NULL;
  if (code == 0 && !json_is_true(json_object_get(answer, "succeeded"))) {
    const json_t *first =
        json_array_get(json_object_get(answer, "responses"), 0);
    code =
        take_value(json_object_get(first, "response_range"), ret_held, error);
  }
  json_decref(answer);
  return code;
}

int etcd_delete_if(struct etcd *etcd, const char *key, const char *value,
                   const struct action_call *call, struct error *error) {
  json_t *request = json_pack(
      "{s:[{s:o, s:s, s:s, s:o}], s:[{s:{s:o}}]}", "compare", "key",
      encode(key), "target", "VALUE", "result", "EQUAL", "value", encode(value),
      "success", "requestDeleteRange", "key", encode(key));
  return etcd_ask(etcd, "/v3/kv/txn", request, call, NULL, error);
}

int etcd_rehearse(struct etcd *etcd, const char *key,
                  const struct action_call *call, struct error *error) {
  /* No version is below zero: the put is checked and never done. */
  json_t *request =
      json_pack("{s:[{s:o, s:s, s:s, s:s}], s:[{s:o}]}", "compare", "key",
                encode(key), "target", "VERSION", "result", "LESS", "version",
                "0", "success", "requestPut", put_request(key, "drill", ""));
  return etcd_ask(etcd, "/v3/kv/txn", request, call, NULL, error);
}

int etcd_grant(struct etcd *etcd, int64_t ttl_s, char lease[ETCD_ID_BYTES],
               const struct action_call *call, struct error *error) {
  json_t *answer = NULL;
  int code = etcd_ask(
      etcd, "/v3/lease/grant",
      json_pack("{s:o}", "TTL", json_sprintf("%lld", (long long)ttl_s)), call,
      &answer, error);
  if (code != 0) {
    return code;
  }
  const char *id = json_string_value(json_object_get(answer, "ID"));
  if (id == NULL || strlen(id) >= ETCD_ID_BYTES) {
    code = error_set(error, -EPROTO, "etcd grants no lease");
  } else {
    memcpy(lease, id, strlen(id) + 1);
  }
  json_decref(answer);
  return code;
}

int etcd_keep_alive(struct etcd *etcd, const char *lease,
                    const struct action_call *call, struct error *error) {
  json_t *answer = NULL;
  int code = etcd_ask(etcd, "/v3/lease/keepalive",
                      json_pack("{s:s}", "ID", lease), call, &answer, error);
  if (code != 0) {
    return code;
  }
  const json_t *result = json_object_get(answer, "result");
  bool is_alive = json_object_get(result, "TTL") != NULL;
  json_decref(answer);
  return is_alive ? 0 : -ENOENT;
}
