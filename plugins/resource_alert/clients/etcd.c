/* SPDX-License-Identifier: MIT */
/* etcd: client of the JSON gateway of etcd's v3 interface: requests, keys and
 * leases.
 *
 * The gateway translates JSON to gRPC: keys and values are base64, 64-bit
 * numbers are text, and members that are zero, false or empty are left out
 * of responses. Everything is a POST. */
#include "resource_alert/clients/etcd.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/shared_library.h"
#include "core/trusted_path.h"

#define CRYPTO_FUNCTIONS(X) X(EVP_, DecodeBlock) X(EVP_, EncodeBlock)
SHARED_LIBRARY(crypto, CRYPTO_FUNCTIONS, LIBCRYPTO_SONAME);

int etcd_init(struct etcd *etcd, const struct http_client_options *http,
              struct error *error) {
  int code = shared_library_load(&crypto_library, NULL, error);
  return code != 0 ? code : http_client_new(http, &etcd->http, error);
}

void etcd_fini(struct etcd *etcd) {
  trusted_path_forget_secret(etcd->authorization);
  http_client_free(etcd->http);
}

/* ---- requests ---- */

/* The codes of gRPC, which the gateways of all releases send; the HTTP status
 * that they make of them differs. Refusals of a token have 3 or 16. */
static int translate_grpc_code(json_int_t code) {
  switch (code) {
  case 4: /* DEADLINE_EXCEEDED */
    return -ETIMEDOUT;
  case 5: /* NOT_FOUND */
    return -ENOENT;
  case 7:  /* PERMISSION_DENIED */
  case 16: /* UNAUTHENTICATED */
    return -EACCES;
  case 8:  /* RESOURCE_EXHAUSTED */
  case 14: /* UNAVAILABLE: no leader, a learner, a leader that changes */
    return -EBUSY;
  case 3: /* INVALID_ARGUMENT */
    return -EINVAL;
  case 9: /* FAILED_PRECONDITION: authentication is not enabled */
    return -ENOTSUP;
  default:
    return -EIO;
  }
}

/* A failure is {"error": TEXT, "code": N}; in a stream, as that of keepalive,
 * {"error": {"message": TEXT, "grpc_code": N}}, with any status; from etcd 3.6
 * {"message": TEXT, "code": N}. Everything else that etcd sends has a header.
 * Without either somebody else has responded, such as a proxy. */
static int check_etcd_response(const json_t *json, long status,
                               struct error *error) {
  const json_t *failure = json_object_get(json, "error");
  const json_t *stream = json_is_object(failure) ? failure : json;
  const json_t *code = json_object_get(stream, "code");
  code = code == NULL ? json_object_get(stream, "grpc_code") : code;
  const char *text =
      json_is_string(failure)
          ? json_string_value(failure)
          : json_string_value(json_object_get(stream, "message"));
  if (json_is_integer(code)) {
    return error_set(error, translate_grpc_code(json_integer_value(code)),
                     "status %ld: %s", status, text == NULL ? "" : text);
  }
  const json_t *result = json_object_get(json, "result");
  bool has_header =
      json_object_get(result == NULL ? json : result, "header") != NULL;
  return has_header && status == 200
             ? 0
             : error_set(error, -EPROTO, "status %ld: not a response of etcd",
                         status);
}

/* *ret: yours; NULL on failure. */
static int send_to_endpoint(struct etcd *etcd, const char *path,
                            const char *body, int64_t deadline_ms,
                            const struct action_call *call, json_t **ret) {
  char url[HTTP_CLIENT_URL_BYTES];
  const char *base = etcd->urls->items[etcd->current];
  int code = http_client_join_url(base, path, url, call->error);
  if (code != 0) {
    return code;
  }
  const struct http_client_request request = {
      .method = "POST",
      .url = url,
      .headers = {"Content-Type: application/json", etcd->authorization},
      .body = body,
      .body_bytes = strlen(body),
      .deadline_ms = deadline_ms,
      .cancel_fd = call->cancel_fd,
      .may_repeat = true, /* a lease too many expires by itself */
  };
  struct http_client_response response;
  json_t *json = NULL;
  code = http_client_perform(etcd->http, &request, &response, call->error);
  if (code == 0) {
    json = http_client_response_json(&response, NULL);
    code = check_etcd_response(json, response.status, call->error);
    http_client_response_fini(&response);
  }
  if (code != 0) {
    error_hide(call->error, etcd->authorization);
    error_prefix(call->error, "%s", base);
    json_decref(json);
    json = NULL;
  }
  *ret = json;
  return code;
}

/* What another member of the cluster would answer as well. */
static bool is_final(int code) {
  return code == 0 || code == -ECANCELED || code == -EACCES ||
         code == -ENOENT || code == -EINVAL || code == -ENOTSUP;
}

/* Tries one endpoint after the other; each gets its share of the time. */
static int send_to_cluster(struct etcd *etcd, const char *path,
                           const char *body, const struct action_call *call,
                           json_t **ret) {
  int code = -EINVAL;
  for (size_t left = etcd->urls->len; left > 0; left--) {
    int64_t now_ms = clock_monotonic_ms();
    int64_t share_ms = (call->deadline_ms - now_ms) / (int64_t)left;
    code = send_to_endpoint(etcd, path, body, now_ms + share_ms, call, ret);
    if (is_final(code)) {
      break;
    }
    etcd->current = (etcd->current + 1) % etcd->urls->len;
  }
  return code;
}

/* A line break in the token would add a header to the requests. The token is a
 * secret: trusted_path_forget_secret(). */
static int store_token(struct etcd *etcd, const json_t *response,
                       struct error *error) {
  const char *token = json_string_value(json_object_get(response, "token"));
  if (token == NULL || strpbrk(token, "\r\n") != NULL) {
    return error_set(error, -EPROTO, "etcd's response has no valid token");
  }
  size_t bytes = strlen(token) + sizeof("Authorization: ");
  etcd->authorization = malloc(bytes);
  if (etcd->authorization == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  (void)snprintf(etcd->authorization, bytes, "Authorization: %s", token);
  return 0;
}

/* Gets a token, which lives a few minutes. A wrong password is refused as an
 * invalid argument. */
static int log_in_etcd(struct etcd *etcd, const struct action_call *call) {
  char *password = NULL;
  json_t *response = NULL;
  trusted_path_forget_secret(etcd->authorization);
  etcd->authorization = NULL;
  int code = trusted_path_read_secret(etcd->password_file, false, &password,
                                      call->error);
  if (code != 0) {
    return code;
  }
  json_t *request =
      json_pack("{s:s, s:s}", "name", etcd->user, "password", password);
  char *body = json_dumps(request, JSON_COMPACT);
  json_decref(request);
  code = body == NULL ? error_set(call->error, -ENOMEM, "out of memory")
                      : send_to_cluster(etcd, "/v3/auth/authenticate", body,
                                        call, &response);
  if (code == 0) {
    code = store_token(etcd, response, call->error);
  }
  error_hide(call->error, password);
  json_decref(response);
  trusted_path_forget_secret(password);
  trusted_path_forget_secret(body);
  return code == -EINVAL ? -EACCES : code;
}

/* Without a token until etcd asks for one: authentication may be switched off,
 * and on again at any time. Each refusal is followed by one login: etcd has
 * many for a token that is old. */
int etcd_request(struct etcd *etcd, const char *path, json_t *request,
                 const struct action_call *call, json_t **ret) {
  char *body = json_dumps(request, JSON_COMPACT);
  json_t *response = NULL;
  json_decref(request);
  if (body == NULL) {
    return error_set(call->error, -ENOMEM, "out of memory");
  }
  int code = send_to_cluster(etcd, path, body, call, &response);
  if (etcd->user != NULL && (code == -EACCES || code == -EINVAL)) {
    code = log_in_etcd(etcd, call);
    if (code == 0 || code == -ENOTSUP) { /* no authentication any more */
      code = send_to_cluster(etcd, path, body, call, &response);
    }
  }
  free(body);
  if (ret != NULL) {
    *ret = response;
  } else {
    json_decref(response);
  }
  return code;
}

/* ---- base64 ---- */

/* A JSON string of TEXT in base64; NULL when memory is short. */
static json_t *encode_base64(const char *text) {
  size_t bytes = strlen(text);
  unsigned char *encoded = malloc(bytes / 3 * 4 + 5);
  if (encoded == NULL) {
    return NULL;
  }
  (void)crypto.EncodeBlock(encoded, (const unsigned char *)text, (int)bytes);
  json_t *string = json_string((const char *)encoded);
  free(encoded);
  return string;
}

/* Yours, free(); NULL for what is not base64. */
static char *decode_base64(const char *text) {
  size_t length = strlen(text);
  unsigned char *decoded = malloc(length / 4 * 3 + 4);
  int bytes = decoded == NULL
                  ? -1
                  : crypto.DecodeBlock(decoded, (const unsigned char *)text,
                                       (int)length);
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

/* ---- keys and leases ---- */

/* The value in the response to a range. *ret_value: yours; NULL: no such key.
 */
static int parse_range_value(const json_t *range, char **ret_value,
                             struct error *error) {
  const json_t *entry = json_array_get(json_object_get(range, "kvs"), 0);
  const char *value = json_string_value(json_object_get(entry, "value"));
  *ret_value = entry == NULL ? NULL : decode_base64(value == NULL ? "" : value);
  return entry == NULL || *ret_value != NULL
             ? 0
             : error_set(error, -EPROTO, "etcd's response cannot be parsed");
}

int etcd_get(struct etcd *etcd, const char *key, char **ret_value,
             const struct action_call *call) {
  json_t *response = NULL;
  int code = etcd_request(etcd, "/v3/kv/range",
                          json_pack("{s:o}", "key", encode_base64(key)), call,
                          &response);
  if (code == 0) {
    code = parse_range_value(response, ret_value, call->error);
  }
  json_decref(response);
  return code;
}

/* The gateway refuses an empty lease, so that one is left out. Yours,
 * json_decref(). */
static json_t *make_put_request(const char *key, const char *value,
                                const char *lease) {
  json_t *request = json_pack("{s:o, s:o}", "key", encode_base64(key), "value",
                              encode_base64(value));
  if (request != NULL && lease[0] != '\0') {
    (void)json_object_set_new(request, "lease", json_string(lease));
  }
  return request;
}

int etcd_put(struct etcd *etcd, const char *key, const char *value,
             const char *lease, const struct action_call *call) {
  return etcd_request(etcd, "/v3/kv/put", make_put_request(key, value, lease),
                      call, NULL);
}

int etcd_put_if_absent(struct etcd *etcd, const char *key, const char *value,
                       const char *lease, char **ret_held,
                       const struct action_call *call) {
  json_t *response = NULL;
  json_t *request =
      json_pack("{s:[{s:o, s:s, s:s, s:s}], s:[{s:o}], s:[{s:{s:o}}]}",
                "compare", "key", encode_base64(key), "target", "CREATE",
                "result", "EQUAL", "create_revision", "0", "success",
                "requestPut", make_put_request(key, value, lease), "failure",
                "requestRange", "key", encode_base64(key));
  int code = etcd_request(etcd, "/v3/kv/txn", request, call, &response);
  *ret_held = NULL;
  if (code == 0 && !json_is_true(json_object_get(response, "succeeded"))) {
    const json_t *first =
        json_array_get(json_object_get(response, "responses"), 0);
    code = parse_range_value(json_object_get(first, "response_range"), ret_held,
                             call->error);
    if (code == 0 && *ret_held == NULL) {
      code = error_set(call->error, -EPROTO,
                       "etcd's response has neither written nor found a key");
    }
  }
  json_decref(response);
  return code;
}

int etcd_delete_if_equal(struct etcd *etcd, const char *key, const char *value,
                         const struct action_call *call) {
  json_t *request =
      json_pack("{s:[{s:o, s:s, s:s, s:o}], s:[{s:{s:o}}]}", "compare", "key",
                encode_base64(key), "target", "VALUE", "result", "EQUAL",
                "value", encode_base64(value), "success", "requestDeleteRange",
                "key", encode_base64(key));
  return etcd_request(etcd, "/v3/kv/txn", request, call, NULL);
}

int etcd_self_test(struct etcd *etcd, const char *key,
                   const struct action_call *call) {
  /* No version is below zero: the put is checked and never done. */
  json_t *request = json_pack(
      "{s:[{s:o, s:s, s:s, s:s}], s:[{s:o}]}", "compare", "key",
      encode_base64(key), "target", "VERSION", "result", "LESS", "version", "0",
      "success", "requestPut", make_put_request(key, "self-test", ""));
  return etcd_request(etcd, "/v3/kv/txn", request, call, NULL);
}

int etcd_grant_lease(struct etcd *etcd, int64_t ttl_s,
                     char lease[ETCD_ID_BYTES],
                     const struct action_call *call) {
  json_t *response = NULL;
  int code = etcd_request(
      etcd, "/v3/lease/grant",
      json_pack("{s:o}", "TTL", json_sprintf("%lld", (long long)ttl_s)), call,
      &response);
  if (code != 0) {
    return code;
  }
  const char *id = json_string_value(json_object_get(response, "ID"));
  if (id == NULL || strlen(id) >= ETCD_ID_BYTES) {
    code = error_set(call->error, -EPROTO,
                     "etcd's response has no valid lease ID");
  } else {
    memcpy(lease, id, strlen(id) + 1);
  }
  json_decref(response);
  return code;
}

int etcd_keep_alive(struct etcd *etcd, const char *lease,
                    const struct action_call *call) {
  json_t *response = NULL;
  int code = etcd_request(etcd, "/v3/lease/keepalive",
                          json_pack("{s:s}", "ID", lease), call, &response);
  if (code != 0) {
    return code;
  }
  const json_t *result = json_object_get(response, "result");
  bool is_alive = json_object_get(result, "TTL") != NULL;
  json_decref(response);
  return is_alive ? 0 : -ENOENT;
}
