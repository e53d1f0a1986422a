/* SPDX-License-Identifier: MIT */
/* endpoints: the addresses that a load balancer is to have. */
#include "resource_alert/actions/endpoints.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool endpoints_have(const struct endpoints *endpoints, const char *address) {
  for (size_t i = 0; i < endpoints->len; i++) {
    if (strcmp(endpoints->addresses[i], address) == 0) {
      return true;
    }
  }
  return false;
}

static bool is_address(const char *text) {
  unsigned char parsed[16];
  return strlen(text) < ENDPOINT_BYTES &&
         (inet_pton(AF_INET, text, parsed) == 1 ||
          inet_pton(AF_INET6, text, parsed) == 1);
}

/* What is no address is left out: it goes into a line of another protocol. */
static void add(struct endpoints *endpoints, const char *address) {
  if (address != NULL && endpoints->len < ENDPOINTS_MAX &&
      is_address(address) && !endpoints_have(endpoints, address)) {
    memcpy(endpoints->addresses[endpoints->len++], address,
           strlen(address) + 1);
  }
}

/* All slices of a Service together are its endpoints, and one may stand in
 * several. The addresses of one endpoint lead to the same. */
static void take_slices(const json_t *list, struct endpoints *endpoints) {
  size_t i;
  size_t j;
  const json_t *slice;
  const json_t *one;
  json_array_foreach(json_object_get(list, "items"), i, slice) {
    json_array_foreach(json_object_get(slice, "endpoints"), j, one) {
      const json_t *ready =
          json_object_get(json_object_get(one, "conditions"), "ready");
      if (!json_is_false(ready)) { /* absent is to be taken for ready */
        add(endpoints, json_string_value(json_array_get(
                           json_object_get(one, "addresses"), 0)));
      }
    }
  }
}

static void take_subsets(const json_t *object, struct endpoints *endpoints) {
  size_t i;
  size_t j;
  const json_t *subset;
  const json_t *one;
  json_array_foreach(json_object_get(object, "subsets"), i, subset) {
    json_array_foreach(json_object_get(subset, "addresses"), j, one) {
      add(endpoints, json_string_value(json_object_get(one, "ip")));
    }
  }
}

int endpoints_parse(struct endpoints *endpoints, char *text,
                    struct error *error) {
  char *rest = text;
  char *line;
  endpoints->len = 0;
  while ((line = strsep(&rest, "\r\n")) != NULL) {
    if (line[0] != '\0' && !is_address(line)) {
      return error_set(error, -EPROTO, "no address: %.64s", line);
    }
    add(endpoints, line[0] == '\0' ? NULL : line);
  }
  return 0;
}

/* Since 1.21, and since 1.17. */
static int read_slices(struct kubernetes *kubernetes, const char *space,
                       const char *service, struct endpoints *endpoints,
                       struct action_call *call, struct error *error) {
  static const char *const versions[] = {"v1", "v1beta1"};
  char path[KUBERNETES_PATH_BYTES * 2];
  json_t *answer = NULL;
  int code = -ENOENT;
  for (size_t i = 0; i < 2 && code == -ENOENT; i++) {
    (void)snprintf(path, sizeof(path),
                   "/apis/discovery.k8s.io/%s/namespaces/%s/endpointslices"
                   "?labelSelector=kubernetes.io/service-name%%3D%s",
                   versions[i], space, service);
    code =
        kubernetes_request(kubernetes, "GET", path, NULL, call, &answer, error);
  }
  if (code == 0) {
    take_slices(answer, endpoints);
  }
  json_decref(answer);
  return code;
}

int endpoints_read(struct kubernetes *kubernetes, const char *space,
                   const char *service, struct endpoints *endpoints,
                   struct action_call *call, struct error *error) {
  char path[KUBERNETES_PATH_BYTES * 2];
  json_t *answer = NULL;
  endpoints->len = 0;
  int code = read_slices(kubernetes, space, service, endpoints, call, error);
  if (code == -ENOENT) {
    (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/endpoints/%s",
                   space, service);
    code =
        kubernetes_request(kubernetes, "GET", path, NULL, call, &answer, error);
    if (code == 0) {
      take_subsets(answer, endpoints);
    }
  }
  json_decref(answer);
  return code;
}
